"""Protocols: how our models are measured on public data, each beside the baselines it has to beat."""
