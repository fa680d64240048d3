"""The commands, a module for each kind; `profiling/__main__.py` runs them."""
