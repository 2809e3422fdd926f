"""A lens that bends light: photographs made into those that a pinhole would have taken."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.radiance.cameras import Camera

LEAST = 0.5
"""Distortion that moves no pixel farther than this, in pixels, is left as it is."""


def distorted(points: Float[Tensor, "*points 2"], k: float) -> Float[Tensor, "*points 2"]:
    """Where a lens puts what a pinhole sees at (x, y), both from the optical axis and over the focal length:

        (x, y) <- (1 + k (x^2 + y^2)) (x, y).

    Source: Brown 1971, its first radial term; COLMAP's SIMPLE_RADIAL.
    """
    return points * (1 + k * points.square().sum(-1, keepdim=True))


def displacement(camera: Camera, k: float) -> float:
    """How far the image's farthest corner is moved, in pixels."""
    corners = _places(camera, torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], dtype=torch.float64))
    focal = torch.tensor([camera.fx, camera.fy], dtype=torch.float64)
    return float(((distorted(corners, k) - corners) * focal).norm(dim=-1).max())


def pinhole(camera: Camera, k: float) -> Camera:
    """The camera without distortion, with the widest view for which nothing lies beyond the photograph."""
    along = torch.linspace(0, 1, 33, dtype=torch.float64)
    zero, one = torch.zeros_like(along), torch.ones_like(along)
    border = torch.cat([torch.stack(side, 1) for side in ((along, zero), (along, one), (zero, along), (one, along))])
    low, high = 0.25, 4.0
    for _ in range(40):
        zoom = (low * high) ** 0.5
        seen = _places(camera, border) / zoom
        there = _shares(camera, distorted(seen, k))
        unfolded = (1 + 3 * k * seen.square().sum(1) > 0).all()  # beyond that the lens would show the same twice
        fits = bool(unfolded and (there >= 0).all() and (there <= 1).all())
        low, high = (low, zoom) if fits else (zoom, high)
    return replace(camera, fx=camera.fx * high, fy=camera.fy * high)


def undistorted(
    layers: Float[Tensor, "layers height width"], camera: Camera, k: float, seen: Camera
) -> Float[Tensor, "layers height width"]:
    """A photograph as `seen`, which is `pinhole(camera, k)`, would have taken it, by bicubic interpolation."""
    rows = (torch.arange(camera.height, dtype=torch.float64) + 0.5) / camera.height
    columns = (torch.arange(camera.width, dtype=torch.float64) + 0.5) / camera.width
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    where = 2 * _shares(camera, distorted(_places(seen, torch.stack([x, y], -1)), k)) - 1
    moved = torch.nn.functional.grid_sample(
        layers[None], where[None].to(layers.dtype), mode="bicubic", padding_mode="border", align_corners=False
    )
    return moved[0].clamp(0, 1)


def _places(camera: Camera, shares: Tensor) -> Tensor:
    """Points of an image, as shares of its width and height, seen from the optical axis over the focal length."""
    pixels = shares * torch.tensor([camera.width, camera.height], dtype=shares.dtype)
    middle, focal = torch.tensor([[camera.cx, camera.cy], [camera.fx, camera.fy]], dtype=shares.dtype)
    return (pixels - middle) / focal


def _shares(camera: Camera, places: Tensor) -> Tensor:
    """The other way around."""
    middle, focal = torch.tensor([[camera.cx, camera.cy], [camera.fx, camera.fy]], dtype=places.dtype)
    return (places * focal + middle) / torch.tensor([camera.width, camera.height], dtype=places.dtype)
