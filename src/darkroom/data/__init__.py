"""Datasets in their official layouts, training streams, and the catalogue of downloads."""
