"""What everything stands on: pictures, the method contract, errors, files, randomness, weights."""
