"""Darkroom: learned imaging, from the paper's table to the photograph on your disk."""

__version__ = "0.1.0"
