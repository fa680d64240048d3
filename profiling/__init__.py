"""Intelligent customer profiling: daily drops of text and behaviour in, a profile for every customer out."""

__version__ = "0.1.0"
