"""A small scene of our own, ray-traced: exact poses, opacity and depth, at any size and in any number of views."""

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
from darkroom.radiance.cameras import Camera, looking_at, rays_of
from darkroom.radiance.scenes import View

EDITION = 1
"""Counts up when the scene changes."""

DISTANCE = 4.0
"""Of every camera from the middle, as in the NeRF paper's synthetic scenes."""

ANGLE = 0.6911112
"""Horizontal angle of view in radians, that of the same scenes."""

_SUN = torch.nn.functional.normalize(torch.tensor([0.5, -0.35, 0.8]), dim=0)
_AMBIENT, _DIFFUSE, _SPECULAR, _SHININESS = 0.42, 0.58, 0.22, 24
_NOWHERE = 1e9


@dataclass(frozen=True)
class _Solid:
    """A shape around the origin of its own frame, standing somewhere, turned about the vertical axis.

    `hit` gives the nearest t > 0 (or _NOWHERE) and the normal; `paint` the colour of a point of the surface.
    """

    hit: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    paint: Callable[[Tensor], Tensor]
    place: tuple[float, float, float]
    turn: float = 0.0

    def meets(self, o: Tensor, d: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """t, normal in the world, and the point in the solid's own frame."""
        c, s = math.cos(self.turn), math.sin(self.turn)
        own = torch.tensor([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
        o, d = (o - torch.tensor(self.place)) @ own.T, d @ own.T
        t, normal = self.hit(o, d)
        return t, normal @ own, o + t.clamp(max=100.0)[:, None] * d


def _sphere(radius: float) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    def hit(o: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
        a, b, c = (d * d).sum(-1), (o * d).sum(-1), (o * o).sum(-1) - radius**2
        inside = b * b - a * c
        t = (-b - inside.clamp(min=0).sqrt()) / a
        t = torch.where((inside > 0) & (t > 1e-4), t, _NOWHERE)
        return t, (o + t.clamp(max=100.0)[:, None] * d) / radius

    return hit


def _box(*half: float) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    def hit(o: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
        d = torch.where(d.abs() < 1e-9, torch.full_like(d, 1e-9), d)
        side = torch.tensor(half)
        one, other = (-side - o) / d, (side - o) / d
        enter, axis = torch.minimum(one, other).max(-1)
        leave = torch.maximum(one, other).amin(-1)
        t = torch.where((enter < leave) & (enter > 1e-4), enter, _NOWHERE)
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
        t = torch.where((inside > 0) & (enter < torch.minimum(wall_out, cap_out)) & (enter > 1e-4), enter, _NOWHERE)
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


def _grained(paint: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Grain of three sizes over a colour, as stone and paper have it: what structure from motion holds on to."""

    def grained(p: Tensor) -> Tensor:
        grain = sum(share * _noise(p + 5, frequency) for share, frequency in ((0.4, 6.0), (0.35, 14.0), (0.25, 29.0)))
        return (paint(p) * (0.2 + 1.6 * grain)[:, None]).clamp(0, 1)  # type: ignore[index]

    return grained


def _noise(p: Tensor, frequency: float) -> Tensor:
    """Value noise in [0, 1]: numbers hashed at the corners of cells, smoothly interpolated (Perlin's fade)."""
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
    """Colour (black where nothing is), whether there is something, and at what t.

    Lambert's and Phong's shading under one sun with shadows; the highlight is what depends on the direction of view.
    """
    met = [solid.meets(o, d) for solid in _SOLIDS]
    t, which = torch.stack([there for there, _, _ in met]).min(0)
    seen = t < _NOWHERE
    shaded = torch.zeros_like(o)
    for number, (solid, (_, facing, own)) in enumerate(zip(_SOLIDS, met, strict=True)):
        mine = (seen & (which == number)).nonzero().squeeze(1)
        if not len(mine):
            continue
        normal, point = facing[mine], o[mine] + t[mine, None] * d[mine] + 1e-3 * facing[mine]
        towards = _SUN.expand_as(point)
        lit = ~torch.stack([other.meets(point, towards)[0] < _NOWHERE for other in _SOLIDS]).any(0)
        light = (normal @ _SUN).clamp(min=0) * lit
        unit = torch.nn.functional.normalize(d[mine], dim=-1)
        mirrored = unit - 2 * (unit * normal).sum(-1, keepdim=True) * normal
        shine = (mirrored @ _SUN).clamp(min=0) ** _SHININESS * lit
        colour = solid.paint(own[mine]) * (_AMBIENT + _DIFFUSE * light)[:, None] + _SPECULAR * shine[:, None]
        shaded[mine] = colour.clamp(0, 1)
    return shaded, seen, t


def photograph(camera: Camera, samples: int = 3) -> ImageFile:
    """What a camera sees: RGB and opacity, each pixel the mean of `samples` x `samples` rays."""
    height, width = camera.height, camera.width
    places = (torch.arange(samples) + 0.5) / samples
    colour, cover = torch.zeros(height * width, 3), torch.zeros(height * width)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    for down in places:
        for right in places:
            rays = rays_of(camera.intrinsics, camera.pose, x.flatten() + right, y.flatten() + down)
            shaded, seen, _ = trace(rays.origins, rays.directions)
            colour, cover = colour + shaded, cover + seen
    pixels = torch.where(cover[:, None] > 0, colour / cover[:, None].clamp(min=1), torch.zeros_like(colour))
    alpha = (cover / samples**2).view(1, height, width)
    return ImageFile(pixels.T.reshape(3, height, width).contiguous(), alpha)


def cameras(count: int, size: int, *, turns: float = 2.0, begin: float = 0.0, lowest: float = 0.2) -> list[Camera]:
    """Cameras on the way around the table, rising evenly from near its height to above it, as a person would walk."""
    focal = 0.5 * size / math.tan(0.5 * ANGLE)
    found = []
    for number in range(count):
        share = (number + 0.5) / count
        height, angle = lowest + (0.92 - lowest) * share, begin + turns * 2 * math.pi * share
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
    """Write the scene in the Blender layout: `views` to learn from, `held_out` to validate and as many to evaluation by.

    A folder that is begun and not finished has no transforms files.

    Raises:
        DarkroomError: numbers that make no scene, the folder holds something else, or the disk is full.
    """
    if views < 1 or held_out < 1 or size < 8:
        raise DarkroomError(f"a scene needs a view and 8 pixels a side at least, given {views} views of {size} pixels")
    if folder.exists() and any(folder.iterdir()) and not (folder / "tabletop").exists():
        raise DarkroomError(f"{folder} holds other files; choose another folder")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / "tabletop").touch()
    # Those held out walk the other way around, so that they stand between the others.
    ways = {"train": (views, 2.0, 0.0), "val": (held_out, -1.0, 1.0), "test": (held_out, -1.0, 2.0)}
    splits = {split: cameras(count, size, turns=turns, begin=begin) for split, (count, turns, begin) in ways.items()}
    every = [(split, number, camera) for split, some in splits.items() for number, camera in enumerate(some)]
    for (split, number, _), camera in zip(every, progress([camera for *_, camera in every]), strict=True):
        write_image(folder / split / f"r_{number:03}.png", photograph(camera))
    for split, some in splits.items():
        named = [f"./{split}/r_{number:03}" for number in range(len(some))]
        image_size = [View(name, folder / f"{name}.png", camera) for name, camera in zip(named, some, strict=True)]
        blender.write(folder / f"transforms_{split}.json", image_size, named)
