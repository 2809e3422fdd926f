"""Radial lens distortion, and undistorting photographs."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.radiance.cameras import Camera

TOLERANCE = 0.5
"""Distortion that displaces no pixel by more than this, in pixels, is ignored."""


def distorted(points: Float[Tensor, "*points 2"], k: float) -> Float[Tensor, "*points 2"]:
    """Radial distortion of normalised image coordinates (relative to the optical axis, divided by the focal length):

        (x, y) <- (1 + k (x^2 + y^2)) (x, y).

    Source: Brown 1971, its first radial term; COLMAP's SIMPLE_RADIAL.

    Example:
        >>> import torch
        >>> distorted(torch.tensor([[0.5, 0.0]]), k=0.2).tolist()  # 0.5 (1 + 0.2 · 0.25)
        [[0.5249999761581421, 0.0]]
    """
    return points * (1 + k * points.square().sum(-1, keepdim=True))


def displacement(camera: Camera, k: float) -> float:
    """The largest displacement of an image corner by distortion, in pixels."""
    corners = _normalized(camera, torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], dtype=torch.float64))
    focal = torch.tensor([camera.fx, camera.fy], dtype=torch.float64)
    return float(((distorted(corners, k) - corners) * focal).norm(dim=-1).max())


def pinhole(camera: Camera, k: float) -> Camera:
    """The pinhole camera with the widest field of view that the distorted photograph covers completely."""
    along = torch.linspace(0, 1, 33, dtype=torch.float64)
    zero, one = torch.zeros_like(along), torch.ones_like(along)
    border = torch.cat([torch.stack(side, 1) for side in ((along, zero), (along, one), (zero, along), (one, along))])
    low, high = 0.25, 4.0
    for _ in range(40):
        zoom = (low * high) ** 0.5
        points = _normalized(camera, border) / zoom
        inside = _fractions(camera, distorted(points, k))
        injective = (1 + 3 * k * points.square().sum(1) > 0).all()  # beyond that, distortion folds the image over
        fits = bool(injective and (inside >= 0).all() and (inside <= 1).all())
        low, high = (low, zoom) if fits else (zoom, high)
    return replace(camera, fx=camera.fx * high, fy=camera.fy * high)


def undistorted(
    layers: Float[Tensor, "layers height width"], camera: Camera, k: float, target: Camera
) -> Float[Tensor, "layers height width"]:
    """A photograph resampled to `target`, which is `pinhole(camera, k)`, by bicubic interpolation."""
    rows = (torch.arange(camera.height, dtype=torch.float64) + 0.5) / camera.height
    columns = (torch.arange(camera.width, dtype=torch.float64) + 0.5) / camera.width
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    grid = 2 * _fractions(camera, distorted(_normalized(target, torch.stack([x, y], -1)), k)) - 1
    resampled = torch.nn.functional.grid_sample(
        layers[None], grid[None].to(layers.dtype), mode="bicubic", padding_mode="border", align_corners=False
    )
    return resampled[0].clamp(0, 1)


def _normalized(camera: Camera, fractions: Tensor) -> Tensor:
    """Normalised image coordinates of points given as fractions of width and height."""
    pixels = fractions * torch.tensor([camera.width, camera.height], dtype=fractions.dtype)
    centre, focal = torch.tensor([[camera.cx, camera.cy], [camera.fx, camera.fy]], dtype=fractions.dtype)
    return (pixels - centre) / focal


def _fractions(camera: Camera, points: Tensor) -> Tensor:
    """The inverse: normalised image coordinates as fractions of width and height."""
    centre, focal = torch.tensor([[camera.cx, camera.cy], [camera.fx, camera.fy]], dtype=points.dtype)
    return (points * focal + centre) / torch.tensor([camera.width, camera.height], dtype=points.dtype)
