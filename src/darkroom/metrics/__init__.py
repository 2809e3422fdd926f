"""Named protocols: a metric's name says range, rounding, border and channels."""
