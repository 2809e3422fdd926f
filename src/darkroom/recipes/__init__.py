"""One file an experiment: settings, published numbers, and where they come from."""
