"""Layers and building blocks shared by several networks."""
