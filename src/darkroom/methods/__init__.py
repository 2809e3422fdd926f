"""One training rule a file: the paper's algorithm box."""
