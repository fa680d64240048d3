"""What customers did, as sums: by day, and as of a day."""
