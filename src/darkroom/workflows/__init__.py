"""What the command line does, as functions: train a row, evaluate weights, restore images. They print nothing."""
