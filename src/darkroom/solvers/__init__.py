"""Algorithms that were not trained: they take images and levels, and know no network."""
