"""From noise to samples: one solver of the reverse process a file."""
