"""Forward-facing scenes in the layout of LLFF: `poses_bounds.npy` and `images_8` (or `_4`, or `images`)."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core import images
from darkroom.core.errors import DarkroomError
from darkroom.radiance.cameras import Camera, converted
from darkroom.radiance.scenes import Scene, View, numbered_split, remarks_on, size_of_all

POSES = "poses_bounds.npy"

_NEARER = 0.75
"""The nearest bound comes to 1/0.75, so that the near plane at 1 lies safely before it."""


def scene(folder: Path, size: int = 0) -> Scene:
    """Read a scene: poses reordered to right, up, back, scaled by 1/(0.75 nearest bound), and recentred on their average.

    Args:
        folder: that holds `poses_bounds.npy` and images in `images_8`, `images_4`, `images_2` or `images`, the smallest there is.
        size: reduce images to this width; 0 for as they are.

    Raises:
        DarkroomError: a file is missing or broken, or poses and images differ in number.

    Source: Mildenhall et al. 2019 and their code.
    """
    table = _read(folder / POSES)
    images = _images(folder)
    if len(images) != len(table):
        raise DarkroomError(f"{folder / POSES} has {len(table)} poses, but {images[0].parent} {len(images)} images")
    width, height = size_of_all(images)
    given, bounds = table[:, :15].reshape(-1, 3, 5), table[:, 15:]
    _, full_width, focal = given[0, :, 4].tolist()
    scale = 1 / (_NEARER * float(bounds.min()))
    poses = converted(given[:, :, :4], "llff")
    poses = torch.cat([poses[..., :3], poses[..., 3:] * scale], -1)
    poses = recentred(poses)
    focal *= width / full_width
    views = [
        View(path.stem, path, Camera(width, height, focal, focal, width / 2, height / 2, pose.float()))
        for path, pose in zip(images, poses, strict=True)
    ]
    if size:
        views = [View(view.name, view.path, view.camera.of_width(size)) for view in views]
    split = {name: some for name, some in numbered_split(views).items() if some}
    near, far = float(bounds.min()) * scale, float(bounds.max()) * scale
    return Scene(
        folder.resolve().name, split, near, far, forward_facing=True, remarks=tuple(remarks_on(poses, str(folder / POSES)))
    )


def average(poses: Float[Tensor, "views 3 4"]) -> Float[Tensor, "3 4"]:
    """The pose in the middle: mean centre, mean backward direction, up as the mean of ups allows."""
    normalize = torch.nn.functional.normalize
    back = normalize(poses[:, :, 2].sum(0), dim=0)
    right = normalize(torch.linalg.cross(poses[:, :, 1].sum(0), back), dim=0)
    return torch.stack([right, torch.linalg.cross(back, right), back, poses[:, :, 3].mean(0)], 1)


def recentred(poses: Float[Tensor, "views 3 4"]) -> Float[Tensor, "views 3 4"]:
    """Poses in the frame of their average."""
    middle = average(poses)
    back = middle[:, :3].T
    return torch.cat([back @ poses[..., :3], back @ (poses[..., 3:] - middle[:, 3:])], -1)


def _read(path: Path) -> Float[Tensor, "views 17"]:
    try:
        table = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise DarkroomError(f"no file at {path}") from error
    except (OSError, ValueError, EOFError) as error:
        raise DarkroomError(f"{path} cannot be read as a NumPy array ({error})") from error
    if table.ndim != 2 or table.shape[1] != 17 or not len(table):
        raise DarkroomError(f"{path} has shape {table.shape}; LLFF's has 17 numbers an image")
    return torch.from_numpy(table.astype(np.float64))


def _images(folder: Path) -> list[Path]:
    for name in ("images_8", "images_4", "images_2", "images"):
        if (folder / name).is_dir():
            found = sorted(path for path in (folder / name).iterdir() if path.suffix.lower() in images.READABLE)
            if found:
                return found
    raise DarkroomError(f"no images in images_8, images_4, images_2 or images of {folder}")
