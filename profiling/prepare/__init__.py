"""From the rows of a drop to rows fit to be kept: cleaned, pseudonymised, redacted, without duplicates.

All functions here are pure: frame in, frame out. `interactions.prepare_interactions` and `statements.prepare_statements` compose
the rest; `deduplicate` follows once all files of a drop stand together.
"""
