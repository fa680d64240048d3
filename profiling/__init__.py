"""Intelligent customer profiling: daily drops of text and behaviour in, a profile for every customer out."""
