"""Cameras, rays, posed scenes, occupancy grids, and volume rendering of any radiance field."""
