"""A furnished room photographed from inside: walls on all sides, cameras held by hand around the middle, rays traced exactly.

python -m tests.radiance.room FOLDER     writes it as a scene for `darkroom train dvgo photographs_small --scene FOLDER`
"""

import math
import sys
from pathlib import Path

import torch
from torch import Tensor

from darkroom.core.images import ImageFile, write
from darkroom.radiance import blender
from darkroom.radiance.cameras import Camera, looking_at
from darkroom.radiance.scenes import View

HALF = torch.tensor([5.5, 6.0, 5.0])
"""Half the sides of the room."""

FURNITURE = (
    (torch.tensor([-0.8, -0.8, -1.0]), torch.tensor([0.8, 0.8, 0.3])),
    (torch.tensor([-4.5, 2.0, -5.0]), torch.tensor([-2.5, 5.0, 1.0])),
    (torch.tensor([2.0, -5.5, -3.0]), torch.tensor([4.5, -3.5, 2.0])),
)
"""Boxes, as pairs of corners."""


def trace(o: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    """Colour, and t of the nearest surface."""
    d = torch.where(d.abs() < 1e-9, torch.full_like(d, 1e-9), d)
    t = torch.maximum((HALF - o) / d, (-HALF - o) / d).amin(-1)
    for low, high in FURNITURE:
        one, other = (low - o) / d, (high - o) / d
        enter, leave = torch.minimum(one, other).amax(-1), torch.maximum(one, other).amin(-1)
        t = torch.where((enter > 0) & (enter < leave), torch.minimum(enter, t), t)
    x, y, z = (o + t[:, None] * d).unbind(-1)
    waves = [torch.sin(2.1 * x + 1.3 * z + 0.5), torch.sin(1.7 * y - 1.9 * x), torch.sin(2.3 * z + 1.1 * y - 0.7)]
    squares = torch.sin(3 * x).sign() * torch.sin(3 * y).sign() * torch.sin(3 * z).sign()
    return 0.55 + 0.25 * torch.stack(waves, -1) + 0.12 * squares[:, None], t


def cameras(count: int, width: int) -> list[Camera]:
    """Every other one looks at the table, the others past it, at the walls."""
    found, focal, height = [], 0.7 * width, round(width * 3 / 4)
    for number in range(count):
        angle = 2 * math.pi * number / count
        eye = torch.tensor([3.0 * math.cos(angle), 3.0 * math.sin(angle), 0.6 + 0.8 * math.sin(3 * angle)])
        aside = 2.0 if number % 2 else 0.0
        target = torch.tensor([-aside * math.sin(angle), aside * math.cos(angle), -0.3 + 0.1 * (number % 3)])
        pose = looking_at(eye, target, torch.tensor([0.0, 0.0, 1.0]))
        found.append(Camera(width, height, focal, focal, width / 2, height / 2, pose))
    return found


def make(folder: Path, count: int = 36, width: int = 100, scale: float = 1.0, **more: float) -> list[Camera]:
    """Write photographs and `transforms.json`, the world scaled; more entries of the file as given."""
    views = []
    for number, camera in enumerate(cameras(count, width)):
        colour = torch.zeros(camera.height * camera.width, 3)
        for right in (0.25, 0.75):
            for down in (0.25, 0.75):
                rays = Camera.rays(camera, pixel_centre=0.0)
                shift = (camera.pose[:, 0] * right / camera.fx) - (camera.pose[:, 1] * down / camera.fy)
                colour += trace(rays.origins, rays.directions + shift)[0] / 4
        path = folder / "images" / f"{number:03}.png"
        write(path, ImageFile(colour.clamp(0, 1).T.reshape(3, camera.height, camera.width)))
        pose = torch.cat([camera.pose[:, :3], scale * camera.pose[:, 3:]], 1)
        views.append(View(path.stem, path, Camera(**{**vars(camera), "pose": pose})))
    blender.write(folder / "transforms.json", views, [f"images/{view.path.name}" for view in views], **more)
    return [view.camera for view in views]


if __name__ == "__main__":
    make(Path(sys.argv[1]), near=0.5, far=12.0)
