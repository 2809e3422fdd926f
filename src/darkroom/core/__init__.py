"""What everything stands on: images, the method contract, errors, files, randomness, weights."""
