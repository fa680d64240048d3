"""Strategy: what to do next for a customer, and through which channel."""
