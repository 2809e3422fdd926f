"""Cameras, rays, scenes, and volume rendering of fields that are handed in."""
