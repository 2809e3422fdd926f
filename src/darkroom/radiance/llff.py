"""Forward-facing scenes in the LLFF layout: `poses_bounds.npy` and `images_8` (or `images_4`, `images_2`, `images`)."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core import images
from darkroom.core.errors import DarkroomError
from darkroom.radiance.cameras import Camera, convert
from darkroom.radiance.scenes import Scene, View, common_size, numbered_split, remarks_on_poses
from darkroom.radiance.schema import check_poses_bounds, check_unique

POSES = "poses_bounds.npy"

_BOUND_FACTOR = 0.75
"""Poses are scaled so that the nearest bound is 1/0.75, safely beyond the near plane at 1."""


def scene(folder: Path, size: int = 0) -> Scene:
    """Read a scene: poses converted to right, up, back, scaled by 1/(0.75 nearest bound), and recentred on their average.

    Args:
        folder: of `poses_bounds.npy` and the images, the smallest of `images_8`, `images_4`, `images_2` and `images`.
        size: downscale images to this width; 0 for their own size.

    Raises:
        DarkroomError: a file is missing or broken, or the numbers of poses and images differ.

    Source: Mildenhall et al. 2019 and their code.
    """
    table = _read(folder / POSES)
    images = _images(folder)
    if len(images) != len(table):
        raise DarkroomError(f"{folder / POSES} has {len(table)} poses, but {images[0].parent} {len(images)} images")
    if len(images) < 2:
        raise DarkroomError(f"{images[0].parent} has one image: a scene needs at least one to train and one to test with")
    check_unique(images[0].parent, [path.stem for path in images])
    width, height = common_size(images)
    matrices, bounds = table[:, :15].reshape(-1, 3, 5), table[:, 15:]
    _, full_width, focal = matrices[0, :, 4].tolist()
    scale = 1 / (_BOUND_FACTOR * float(bounds.min()))
    poses = convert(matrices[:, :, :4], "llff")
    poses = torch.cat([poses[..., :3], poses[..., 3:] * scale], -1)
    poses = recentred(poses)
    focal *= width / full_width
    views = [
        View(path.stem, path, Camera(width, height, focal, focal, width / 2, height / 2, pose.float()))
        for path, pose in zip(images, poses, strict=True)
    ]
    if size:
        views = [View(view.name, view.path, view.camera.with_width(size)) for view in views]
    split = {name: some for name, some in numbered_split(views).items() if some}
    near, far = float(bounds.min()) * scale, float(bounds.max()) * scale
    remarks = tuple(remarks_on_poses(poses, str(folder / POSES)))
    return Scene(folder.resolve().name, split, near, far, forward_facing=True, remarks=remarks)


def average(poses: Float[Tensor, "views 3 4"]) -> Float[Tensor, "3 4"]:
    """The average pose: mean centre, mean backward direction, up as near to the mean up direction as that allows."""
    normalize = torch.nn.functional.normalize
    back = normalize(poses[:, :, 2].sum(0), dim=0)
    right = normalize(torch.linalg.cross(poses[:, :, 1].sum(0), back), dim=0)
    return torch.stack([right, torch.linalg.cross(back, right), back, poses[:, :, 3].mean(0)], 1)


def recentred(poses: Float[Tensor, "views 3 4"]) -> Float[Tensor, "views 3 4"]:
    """Poses in the coordinate frame of their average.

    Raises:
        DarkroomError: viewing directions or up directions cancel out, so that there is no average.
    """
    middle = average(poses)
    if not abs(float(torch.linalg.det(middle[:, :3])) - 1) < 1e-3:
        raise DarkroomError("the views have no average direction: a forward-facing scene has cameras that look the same way")
    inverse = middle[:, :3].T
    return torch.cat([inverse @ poses[..., :3], inverse @ (poses[..., 3:] - middle[:, 3:])], -1)


def _read(path: Path) -> Float[Tensor, "views 17"]:
    if not path.exists():
        raise DarkroomError(f"no file at {path}")
    try:  # mapped, so that the shape in the header is compared with the file's size before memory is used
        table = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # damaged headers raise errors of a dozen classes
        reason = " ".join(str(error).split())[:200]
        raise DarkroomError(f"{path} cannot be read as a NumPy array ({reason})") from error
    if not isinstance(table, np.ndarray):
        raise DarkroomError(f"{path} cannot be read as a NumPy array: it is an archive of arrays (.npz)")
    check_poses_bounds(path, table)
    return torch.from_numpy(table.astype(np.float64))


def _images(folder: Path) -> list[Path]:
    for name in ("images_8", "images_4", "images_2", "images"):
        if (folder / name).is_dir():
            found = sorted(path for path in (folder / name).iterdir() if path.suffix.lower() in images.READABLE)
            if found:
                return found
    raise DarkroomError(f"no images in images_8, images_4, images_2 or images of {folder}")
