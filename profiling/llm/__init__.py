"""Generative language models: one contract, whoever answers, and the check of what they write."""
