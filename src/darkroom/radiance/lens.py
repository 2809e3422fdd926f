"""Lens distortion, and undistorting photographs."""

from dataclasses import astuple, dataclass, replace
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.radiance.cameras import Camera

TOLERANCE = 0.5
"""Distortion that displaces no pixel by more than this, in pixels, is ignored."""

WIDEST = 1.5
"""Tangent of half the widest angle, across or down, that a fisheye photograph is undistorted to; pixels beyond it would be blurred."""


@dataclass(frozen=True)
class Lens:
    """Coefficients of a lens, as COLMAP's and OpenCV's camera models have them.

    Args:
        k1, k2, k3, k4: radial; k4 of a fisheye lens only.
        p1, p2: tangential, not of a fisheye lens.
        fisheye: whether the radial coefficients are those of the angle from the optical axis.
    """

    k1: float = 0.0
    k2: float = 0.0
    k3: float = 0.0
    k4: float = 0.0
    p1: float = 0.0
    p2: float = 0.0
    fisheye: bool = False

    @property
    def is_pinhole(self) -> bool:
        """Whether there is no distortion."""
        return not any(astuple(self))


@dataclass(frozen=True)
class LensCamera:
    """The camera that took a photograph, at the size of its file, with the distortion of its lens."""

    camera: Camera
    lens: Lens


def distorted(points: Float[Tensor, "*points 2"], lens: Lens) -> Float[Tensor, "*points 2"]:
    """Where a lens maps normalised image coordinates of a pinhole (relative to the optical axis, y down, divided by the focal length):

        (x, y) <- (1 + k1 r² + k2 r⁴ + k3 r⁶) (x, y) + (2 p1 x y + p2 (r² + 2 x²), p1 (r² + 2 y²) + 2 p2 x y),

    and for a fisheye lens, with theta = arctan r,

        (x, y) <- theta (1 + k1 theta² + k2 theta⁴ + k3 theta⁶ + k4 theta⁸) (x, y) / r.

    Source: Brown 1971; Kannala & Brandt 2006; COLMAP's SIMPLE_RADIAL, RADIAL, OPENCV and OPENCV_FISHEYE.

    Example:
        >>> import torch
        >>> distorted(torch.tensor([[0.5, 0.0]]), Lens(k1=0.2)).tolist()  # 0.5 (1 + 0.2 · 0.25)
        [[0.5249999761581421, 0.0]]
    """
    square = points.square().sum(-1, keepdim=True)
    if lens.fisheye:
        radius = square.sqrt().clamp(min=1e-12)
        theta = torch.atan(radius)
        return points * theta * _radial(theta.square(), lens) / radius
    x, y = points[..., :1], points[..., 1:]
    across = 2 * lens.p1 * x * y + lens.p2 * (square + 2 * x * x)
    down = lens.p1 * (square + 2 * y * y) + 2 * lens.p2 * x * y
    return points * _radial(square, lens) + torch.cat([across, down], -1)


def _radial(square: Tensor, lens: Lens) -> Tensor:
    return 1 + square * (lens.k1 + square * (lens.k2 + square * (lens.k3 + square * lens.k4)))


def _grows(radius: float, lens: Lens) -> bool:
    """Whether distortion keeps the order of radii up to this one; beyond, it would fold the image over."""
    at = torch.linspace(0, 1, 65, dtype=torch.float64) * radius
    square = (torch.atan(at) if lens.fisheye else at).square()
    terms = (1.0, 3 * lens.k1, 5 * lens.k2, 7 * lens.k3, 9 * lens.k4)
    return bool((sum(term * square**power for power, term in enumerate(terms)) > 0).all())  # type: ignore[union-attr]


def displacement(camera: Camera, lens: Lens) -> float:
    """The largest displacement of an image corner by distortion, in pixels."""
    corners = _normalized(camera, torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], dtype=torch.float64))
    focal = torch.tensor([camera.fx, camera.fy], dtype=torch.float64)
    return float(((distorted(corners, lens) - corners) * focal).norm(dim=-1).max())


def pinhole(camera: Camera, lens: Lens) -> Camera:
    """The pinhole camera with the widest field of view that the distorted photograph covers completely."""
    zoom = _zoom(camera.width, camera.height, *camera.intrinsics.tolist(), lens)
    return replace(camera, fx=camera.fx * zoom, fy=camera.fy * zoom)


@lru_cache(maxsize=1024)
def _zoom(width: int, height: int, fx: float, fy: float, cx: float, cy: float, lens: Lens) -> float:
    """What the focal length of `pinhole` is longer by."""
    camera = Camera(width, height, fx, fy, cx, cy, torch.eye(3, 4))
    along = torch.linspace(0, 1, 33, dtype=torch.float64)
    zero, one = torch.zeros_like(along), torch.ones_like(along)
    border = torch.cat([torch.stack(side, 1) for side in ((along, zero), (along, one), (zero, along), (one, along))])
    low, high = 0.25, 4.0
    for _ in range(40):
        zoom = (low * high) ** 0.5
        points = _normalized(camera, border) / zoom
        inside = _fractions(camera, distorted(points, lens))
        fits = bool((inside >= 0).all() and (inside <= 1).all()) and _grows(float(points.norm(dim=1).max()), lens)
        if lens.fisheye:
            fits = fits and float(points.abs().max()) <= WIDEST
        low, high = (low, zoom) if fits else (zoom, high)
    return high


def undistorted(
    layers: Float[Tensor, "layers height width"], camera: Camera, lens: Lens, target: Camera
) -> Float[Tensor, "layers height width"]:
    """A photograph resampled to `target`, which is `pinhole(camera, lens)`, by bicubic interpolation."""
    rows = (torch.arange(camera.height, dtype=torch.float64) + 0.5) / camera.height
    columns = (torch.arange(camera.width, dtype=torch.float64) + 0.5) / camera.width
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    grid = 2 * _fractions(camera, distorted(_normalized(target, torch.stack([x, y], -1)), lens)) - 1
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
