"""Named protocols: a metric's name and definition state range, rounding, border and channels."""
