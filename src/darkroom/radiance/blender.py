"""Scenes in transforms files: the layout of the NeRF paper's synthetic data, and a single `transforms.json`."""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.files import write_json
from darkroom.radiance.cameras import Camera
from darkroom.radiance.scenes import Scene, View, common_size, numbered_split, remarks_on_poses
from darkroom.radiance.schema import FAR, NEAR, check_unique, read_transforms

SINGLE = "transforms.json"


def scene(folder: Path, size: int = 0) -> Scene:
    """Read `transforms_{train,val,test}.json`, or one `transforms.json` with every eighth frame as a test view.

    Frames whose image is missing are left out with a remark; so is a split that has none.

    Args:
        folder: of the files; paths in them are relative to it.
        size: downscale images to this width; 0 for their own size.

    Raises:
        DarkroomError: a file is missing, is not JSON, or an entry is missing or not valid.
    """
    files = {split: folder / f"transforms_{split}.json" for split in ("train", "val", "test")}
    present = {split: path for split, path in files.items() if path.is_file()}
    if not present and (folder / SINGLE).is_file():
        present = {"all": folder / SINGLE}
    if not present:
        raise DarkroomError(f"no transforms_train.json and no {SINGLE} in {folder}: is it a scene?")
    views: dict[str, list[View]] = {}
    remarks: list[str] = []
    for split, path in present.items():
        views[split], more = read_frames(path, size, prefix="" if split == "all" else f"{split}_")
        remarks += more
    found = numbered_split(views["all"]) if "all" in views else {split: some for split, some in views.items() if some}
    if not found.get("train"):
        raise DarkroomError(f"no training image of {folder} exists; {' '.join(remarks)}")
    near, far = near_and_far(next(iter(present.values())))
    return Scene(folder.resolve().name, found, near, far, remarks=tuple(remarks))


def near_and_far(path: Path) -> tuple[float, float]:
    """Near and far as a transforms file states them; those of the paper's synthetic scenes where it does not.

    Raises:
        DarkroomError: the file is broken.
    """
    content = read_transforms(path)
    return float(content.get("near", NEAR)), float(content.get("far", FAR))


def read_frames(path: Path, size: int = 0, *, prefix: str = "", require_images: bool = True) -> tuple[list[View], list[str]]:
    """The views of a transforms file, and remarks on them.

    Args:
        path: the file.
        size: resize cameras to this width; 0 for their own size.
        prefix: put before names.
        require_images: leave out frames whose image is missing; otherwise only cameras are read.

    Raises:
        DarkroomError: the file is broken, or lacks the focal length.
    """
    content, root = read_transforms(path), path.parent
    listed = [(_file(root, frame), frame) for frame in content["frames"]]
    present = [(file, frame) for file, frame in listed if os.path.isfile(file)]
    remarks = []
    if require_images and len(present) < len(listed):
        missing = next(file for file, _ in listed if not os.path.isfile(file))
        remarks.append(
            f"{len(listed) - len(present)} of the {len(listed)} frames of {path} have no image file, for example {missing}"
        )
    used = present if require_images else listed
    if not used:
        return [], remarks
    remarks += _remarks_on_lens(path, content)
    poses = torch.stack([torch.tensor(frame["transform_matrix"][:3], dtype=torch.float32) for _, frame in used])
    remarks += remarks_on_poses(poses, str(path))
    image_size = _size(content, [file for file, _ in present])
    cameras = [_camera(content, frame, image_size, pose) for (_, frame), pose in zip(used, poses, strict=True)]
    if size:
        cameras = [camera.with_width(size) for camera in cameras]
    names = _names([frame["file_path"] for _, frame in used], prefix)
    check_unique(path, names)
    return [View(name, file, camera) for name, (file, _), camera in zip(names, used, cameras, strict=True)], remarks


def _names(paths: Sequence[str], prefix: str) -> list[str]:
    """Unique names of frames: file names, or whole paths where these repeat."""
    names = [prefix + Path(path).stem for path in paths]
    if len(set(names)) < len(names):
        return [prefix + path.strip("./").replace("/", "_") for path in paths]
    return names


def _size(content: Mapping[str, Any], images: Sequence[Path]) -> tuple[int, int]:
    """Width and height of the images, or what the file states where there are none."""
    if images:
        return common_size(images)
    if "w" in content and "h" in content:
        return int(content["w"]), int(content["h"])
    return 800, 800  # of the paper's synthetic scenes


def _camera(content: Mapping[str, Any], frame: Mapping[str, Any], size: tuple[int, int], pose: Tensor) -> Camera:
    width, height = size
    entries = {**content, **frame}
    if "fl_x" in entries:
        across = width / float(entries.get("w", width))
        fx, fy = float(entries["fl_x"]) * across, float(entries.get("fl_y", entries["fl_x"])) * across
        cx, cy = (float(entries.get(key, half)) * across for key, half in (("cx", width / 2), ("cy", height / 2)))
    else:
        fx = fy = 0.5 * width / math.tan(0.5 * float(entries["camera_angle_x"]))
        cx, cy = width / 2, height / 2
    return Camera(width, height, fx, fy, cx, cy, pose)


def _remarks_on_lens(path: Path, content: Mapping[str, Any]) -> list[str]:
    terms = [f"{key}={value}" for key in ("k1", "k2", "k3", "k4", "p1", "p2") if (value := content.get(key))]
    if not terms:
        return []
    return [
        f"{path} states lens distortion ({', '.join(terms)}), which is ignored: images should be undistorted first, as "
        "darkroom data poses does"
    ]


def _file(root: Path, frame: Mapping[str, Any]) -> Path:
    named = root / frame["file_path"]
    return named if named.suffix else named.with_suffix(".png")


def write(path: Path, views: Sequence[View], files: Sequence[str], **more: float) -> None:
    """Write a transforms file for views with equal intrinsics.

    Args:
        path: of the file.
        views: their cameras are written.
        files: paths of the images, relative to the file.
        more: further entries, for example near and far.
    """
    camera = views[0].camera
    content = dict(
        camera_angle_x=2 * math.atan(camera.width / (2 * camera.fx)),
        fl_x=camera.fx,
        fl_y=camera.fy,
        cx=camera.cx,
        cy=camera.cy,
        w=camera.width,
        h=camera.height,
        **more,
    )
    last = torch.tensor([[0.0, 0.0, 0.0, 1.0]])
    frames = [
        {"file_path": file, "transform_matrix": torch.cat([view.camera.pose.float(), last]).tolist()}
        for file, view in zip(files, views, strict=True)
    ]
    write_json(path, {**content, "frames": frames})
