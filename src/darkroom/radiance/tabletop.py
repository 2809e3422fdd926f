"""The embedded scene: a few solids on a table, ray-traced with exact poses and opacity, at any size, in any number of views."""

import math
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.images import ImageFile
from darkroom.core.images import write as write_image
from darkroom.radiance import blender
from darkroom.radiance.cameras import Camera, looking_at, rays_through
from darkroom.radiance.scenes import View

EDITION = 1
"""Version of the scene: images of different editions differ."""

DISTANCE = 4.0
"""Of every camera from the origin, as in the NeRF paper's synthetic scenes."""

ANGLE = 0.6911112
"""Horizontal field of view in radians, as in those scenes."""

_SUN = torch.nn.functional.normalize(torch.tensor([0.5, -0.35, 0.8]), dim=0)
_AMBIENT, _DIFFUSE, _SPECULAR, _SHININESS = 0.42, 0.58, 0.22, 24
_MISS = 1e9
"""t of a ray that hits nothing."""


@dataclass(frozen=True)
class _Solid:
    """A textured shape with a position, rotated about the vertical axis.

    Args:
        hit: nearest t > 0 (or _MISS) and surface normal of rays in the shape's own frame.
        texture: colour of surface points in that frame.
        position: of the frame's origin in the world.
        angle: of the rotation, in radians.
    """

    hit: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    texture: Callable[[Tensor], Tensor]
    position: tuple[float, float, float]
    angle: float = 0.0

    def intersect(self, o: Tensor, d: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """t, normal in world coordinates, and the point in the shape's own frame."""
        c, s = math.cos(self.angle), math.sin(self.angle)
        rotation = torch.tensor([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
        o, d = (o - torch.tensor(self.position)) @ rotation.T, d @ rotation.T
        t, normal = self.hit(o, d)
        return t, normal @ rotation, o + t.clamp(max=100.0)[:, None] * d


def _sphere(radius: float) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    def hit(o: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
        a, b, c = (d * d).sum(-1), (o * d).sum(-1), (o * o).sum(-1) - radius**2
        inside = b * b - a * c
        t = (-b - inside.clamp(min=0).sqrt()) / a
        t = torch.where((inside > 0) & (t > 1e-4), t, _MISS)
        return t, (o + t.clamp(max=100.0)[:, None] * d) / radius

    return hit


def _box(*half: float) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    def hit(o: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
        d = torch.where(d.abs() < 1e-9, torch.full_like(d, 1e-9), d)
        side = torch.tensor(half)
        one, other = (-side - o) / d, (side - o) / d
        enter, axis = torch.minimum(one, other).max(-1)
        leave = torch.maximum(one, other).amin(-1)
        t = torch.where((enter < leave) & (enter > 1e-4), enter, _MISS)
        normal = torch.nn.functional.one_hot(axis, 3).to(o) * -d.gather(1, axis[:, None]).sign()
        return t, normal

    return hit


def _cylinder(radius: float, half: float) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    def hit(o: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
        d = torch.where(d.abs() < 1e-9, torch.full_like(d, 1e-9), d)
        a, b = d[:, :2].square().sum(-1), (o[:, :2] * d[:, :2]).sum(-1)
        c = o[:, :2].square().sum(-1) - radius**2
        inside = b * b - a * c
        root = inside.clamp(min=0).sqrt()
        wall_in, wall_out = (-b - root) / a, (-b + root) / a
        one, other = (-half - o[:, 2]) / d[:, 2], (half - o[:, 2]) / d[:, 2]
        cap_in, cap_out = torch.minimum(one, other), torch.maximum(one, other)
        enter = torch.maximum(wall_in, cap_in)
        t = torch.where((inside > 0) & (enter < torch.minimum(wall_out, cap_out)) & (enter > 1e-4), enter, _MISS)
        point = o + t.clamp(max=100.0)[:, None] * d
        on_wall = torch.cat([point[:, :2] / radius, torch.zeros_like(point[:, :1])], 1)
        on_cap = torch.tensor([0.0, 0.0, 1.0]) * -d[:, 2:].sign()
        return t, torch.where((wall_in > cap_in)[:, None], on_wall, on_cap)

    return hit


def _mix(share: Tensor, one: tuple[float, float, float], other: tuple[float, float, float]) -> Tensor:
    return share[:, None] * torch.tensor(one) + (1 - share[:, None]) * torch.tensor(other)


def _checked(p: Tensor) -> Tensor:
    even = ((p[:, 0] / 0.3).floor() + (p[:, 1] / 0.3).floor()) % 2
    ring = ((p[:, :2].norm(dim=-1) / 1.15) > 0.93).float()[:, None]
    return (1 - ring) * _mix(even, (0.86, 0.82, 0.74), (0.30, 0.36, 0.42)) + ring * torch.tensor([0.55, 0.33, 0.20])


def _striped(p: Tensor) -> Tensor:
    angle = torch.atan2(p[:, 1], p[:, 0]) + 4 * p[:, 2]
    return _mix((torch.sin(5 * angle) > 0).float(), (0.85, 0.18, 0.14), (0.95, 0.92, 0.85))


def _marbled(p: Tensor) -> Tensor:
    veins = torch.sin(9 * p[:, 0] + 3 * torch.sin(7 * p[:, 1] + 5 * p[:, 2]) + 2 * torch.sin(11 * p[:, 2]))
    return _mix(0.5 + 0.5 * veins, (0.16, 0.45, 0.62), (0.80, 0.88, 0.90))


def _dotted(p: Tensor) -> Tensor:
    angle = torch.atan2(p[:, 1], p[:, 0]) * 6 / math.pi
    across, up = angle - angle.round(), (p[:, 2] / 0.14) - (p[:, 2] / 0.14).round()
    return _mix((across.square() + up.square() < 0.10).float(), (0.98, 0.85, 0.25), (0.20, 0.50, 0.28))


def _grained(texture: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """A texture times noise at three frequencies, which gives structure from motion its features."""

    def grained(p: Tensor) -> Tensor:
        grain = sum(share * _noise(p + 5, frequency) for share, frequency in ((0.4, 6.0), (0.35, 14.0), (0.25, 29.0)))
        return (texture(p) * (0.2 + 1.6 * grain)[:, None]).clamp(0, 1)  # type: ignore[index]

    return grained


def _noise(p: Tensor, frequency: float) -> Tensor:
    """Value noise in [0, 1]: hashes at the corners of cells, interpolated with Perlin's fade."""
    corner = (p * frequency).floor()
    share = p * frequency - corner
    share = share * share * (3 - 2 * share)
    total = torch.zeros(len(p))
    for offset in torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3):
        hashed = torch.sin(((corner + offset) * torch.tensor([12.9898, 78.233, 37.719])).sum(-1)) * 43758.5453
        total = total + (offset * share + (1 - offset) * (1 - share)).prod(-1) * (hashed - hashed.floor())
    return total


_SOLIDS = (
    _Solid(_cylinder(1.15, 0.06), _grained(_checked), (0.0, 0.0, -0.66)),
    _Solid(_sphere(0.42), _grained(_striped), (-0.42, -0.30, -0.18)),
    _Solid(_box(0.30, 0.24, 0.40), _grained(_marbled), (0.42, -0.22, -0.20), 0.5),
    _Solid(_cylinder(0.22, 0.55), _grained(_dotted), (0.02, 0.55, -0.05)),
    _Solid(_sphere(0.17), _grained(_marbled), (-0.55, 0.40, -0.43)),
)


def trace(
    o: Float[Tensor, "rays 3"], d: Float[Tensor, "rays 3"]
) -> tuple[Float[Tensor, "rays 3"], Bool[Tensor, " rays"], Float[Tensor, " rays"]]:
    """Colour (black for rays that hit nothing), whether a ray hits a solid, and at what t.

    Lambertian shading with Phong's highlights under one directional light, with shadows.
    """
    found = [solid.intersect(o, d) for solid in _SOLIDS]
    t, which = torch.stack([distance for distance, _, _ in found]).min(0)
    hits = t < _MISS
    shaded = torch.zeros_like(o)
    for number, (solid, (_, normals, local)) in enumerate(zip(_SOLIDS, found, strict=True)):
        mine = (hits & (which == number)).nonzero().squeeze(1)
        if not len(mine):
            continue
        normal, point = normals[mine], o[mine] + t[mine, None] * d[mine] + 1e-3 * normals[mine]
        to_light = _SUN.expand_as(point)
        lit = ~torch.stack([other.intersect(point, to_light)[0] < _MISS for other in _SOLIDS]).any(0)
        light = (normal @ _SUN).clamp(min=0) * lit
        unit = torch.nn.functional.normalize(d[mine], dim=-1)
        reflected = unit - 2 * (unit * normal).sum(-1, keepdim=True) * normal
        specular = (reflected @ _SUN).clamp(min=0) ** _SHININESS * lit
        colour = solid.texture(local[mine]) * (_AMBIENT + _DIFFUSE * light)[:, None] + _SPECULAR * specular[:, None]
        shaded[mine] = colour.clamp(0, 1)
    return shaded, hits, t


def photograph(camera: Camera, samples: int = 3) -> ImageFile:
    """The image of a camera, RGB with opacity; each pixel is the mean of `samples` x `samples` rays."""
    height, width = camera.height, camera.width
    offsets = (torch.arange(samples) + 0.5) / samples
    colour, coverage = torch.zeros(height * width, 3), torch.zeros(height * width)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    for down in offsets:
        for right in offsets:
            rays = rays_through(camera.intrinsics, camera.pose, x.flatten() + right, y.flatten() + down)
            shaded, hits, _ = trace(rays.origins, rays.directions)
            colour, coverage = colour + shaded, coverage + hits
    pixels = torch.where(coverage[:, None] > 0, colour / coverage[:, None].clamp(min=1), torch.zeros_like(colour))
    alpha = (coverage / samples**2).view(1, height, width)
    return ImageFile(pixels.T.reshape(3, height, width).contiguous(), alpha)


def cameras(count: int, size: int, *, turns: float = 2.0, begin: float = 0.0, lowest: float = 0.2) -> list[Camera]:
    """Cameras on a rising spiral around the table, all looking at it.

    Args:
        count: number of cameras.
        size: width and height of their images.
        turns: of the spiral; negative for the other direction.
        begin: angle of the first camera in radians.
        lowest: height of the first camera, relative to its distance.
    """
    focal = 0.5 * size / math.tan(0.5 * ANGLE)
    found = []
    for number in range(count):
        fraction = (number + 0.5) / count
        height, angle = lowest + (0.92 - lowest) * fraction, begin + turns * 2 * math.pi * fraction
        flat = math.sqrt(1 - height**2)
        eye = DISTANCE * torch.tensor([flat * math.cos(angle), flat * math.sin(angle), height])
        pose = looking_at(eye, torch.tensor([0.0, 0.0, -0.15]), torch.tensor([0.0, 0.0, 1.0]))
        found.append(Camera(size, size, focal, focal, size / 2, size / 2, pose))
    return found


def write(
    folder: Path,
    views: int = 30,
    size: int = 100,
    held_out: int = 8,
    progress: Callable[[Iterable[Camera]], Iterable[Camera]] = iter,
) -> None:
    """Write the scene in the Blender layout. Transforms files are written last.

    Args:
        folder: to write to; an earlier scene in it is replaced.
        views: number of training views.
        size: width and height of the images.
        held_out: number of validation views, and of test views.
        progress: wraps the cameras that are rendered.

    Raises:
        DarkroomError: the numbers are too small, the folder holds other files, or the disk is full.
    """
    if views < 1 or held_out < 1 or size < 8:
        raise DarkroomError(
            f"a scene needs a training view, a held-out view and 8 pixels a side at least; given {views}, {held_out} and {size}"
        )
    if folder.exists() and any(folder.iterdir()) and not (folder / "tabletop").exists():
        raise DarkroomError(f"{folder} holds other files; choose another folder")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / "tabletop").touch()
    # Held-out cameras are on a spiral in the other direction, between the training cameras.
    spirals = {"train": (views, 2.0, 0.0), "val": (held_out, -1.0, 1.0), "test": (held_out, -1.0, 2.0)}
    splits = {split: cameras(count, size, turns=turns, begin=begin) for split, (count, turns, begin) in spirals.items()}
    every = [(split, number, camera) for split, some in splits.items() for number, camera in enumerate(some)]
    for (split, number, _), camera in zip(every, progress([camera for *_, camera in every]), strict=True):
        write_image(folder / split / f"r_{number:03}.png", photograph(camera))
    for split, some in splits.items():
        files = [f"./{split}/r_{number:03}" for number in range(len(some))]
        written = [View(name, folder / f"{name}.png", camera) for name, camera in zip(files, some, strict=True)]
        blender.write(folder / f"transforms_{split}.json", written, files, near=2.0, far=6.0)
