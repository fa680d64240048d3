"""Profiles: what is known about a customer at the end of a day, as one document with its evidence."""
