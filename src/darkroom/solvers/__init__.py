"""Algorithms that were not trained: they take pictures and levels, and know no network."""
