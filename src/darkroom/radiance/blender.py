"""Scenes in the layout of the NeRF paper's synthetic data, and in its single-file relative that structure from motion writes."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.files import write_json
from darkroom.radiance.cameras import Camera
from darkroom.radiance.scenes import Scene, View, numbered_split, remarks_on, size_of_all

NEAR, FAR = 2.0, 6.0
"""Of the paper's synthetic scenes, whose cameras stand 4 from the middle."""

SINGLE = "transforms.json"


def scene(folder: Path, size: int = 0) -> Scene:
    """Read `transforms_{train,val,test}.json`, or one `transforms.json`, of which every eighth frame is held out.

    Args:
        folder: of the files; paths in them are relative to it.
        size: reduce images to this width; 0 for as they are.

    Frames without a file are left out, and that is remarked; a split without any is not there.

    Raises:
        DarkroomError: a file is missing, no JSON, or without what it must have.
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
        views[split], said = frames(path, size, prefix="" if split == "all" else f"{split}_")
        remarks += said
    found = numbered_split(views["all"]) if "all" in views else {split: some for split, some in views.items() if some}
    if not found.get("train"):
        raise DarkroomError(f"no training image of {folder} is there; {' '.join(remarks)}")
    near, far = depths(next(iter(present.values())))
    return Scene(folder.resolve().name, found, near, far, remarks=tuple(remarks))


def depths(path: Path) -> tuple[float, float]:
    """Near and far as a transforms file states them, or those of the paper's scenes.

    Raises:
        DarkroomError: the file is broken.
    """
    described = _read(path)
    return float(described.get("near", NEAR)), float(described.get("far", FAR))


def frames(path: Path, size: int = 0, *, prefix: str = "", needed: bool = True) -> tuple[list[View], list[str]]:
    """The views that a transforms file names, and what is to be said of them.

    Args:
        path: the file.
        size: reduce cameras to this width; 0 for as they are.
        prefix: put before names.
        needed: leave out frames whose image is not there; otherwise only cameras are asked for.

    Raises:
        DarkroomError: the file is broken, or nothing says how large images are.
    """
    described, root = _read(path), path.parent
    listed = [(_file(root, frame), frame) for frame in described["frames"]]
    there = [(file, frame) for file, frame in listed if file.is_file()]
    remarks = []
    if needed and len(there) < len(listed):
        gone = next(file for file, _ in listed if not file.is_file())
        remarks.append(f"{len(listed) - len(there)} of the {len(listed)} frames of {path} are not there, for example {gone}")
    used = there if needed else listed
    if not used:
        return [], remarks
    remarks += _remarks_on_lens(path, described)
    poses = torch.stack([_pose(path, file, frame) for file, frame in used])
    remarks += remarks_on(poses, str(path))
    image_size = _size(path, described, [file for file, _ in there])
    cameras = [_camera(path, described, frame, image_size, pose) for (_, frame), pose in zip(used, poses, strict=True)]
    if size:
        cameras = [camera.of_width(size) for camera in cameras]
    names = [prefix + Path(frame["file_path"]).stem for _, frame in used]
    if len(set(names)) < len(names):
        names = [prefix + str(frame["file_path"]).strip("./").replace("/", "_") for _, frame in used]
    return [View(name, file, camera) for name, (file, _), camera in zip(names, used, cameras, strict=True)], remarks


def _size(path: Path, described: Mapping[str, Any], images: Sequence[Path]) -> tuple[int, int]:
    """Width and height of the images, or what the file states where there are none."""
    if images:
        return size_of_all(images)
    if "w" in described and "h" in described:
        return int(described["w"]), int(described["h"])
    return 800, 800  # the paper's


def _camera(path: Path, described: Mapping[str, Any], frame: Mapping[str, Any], size: tuple[int, int], pose: Tensor) -> Camera:
    width, height = size
    said = {**described, **frame}
    if "fl_x" in said:
        across = width / float(said.get("w", width))
        fx, fy = float(said["fl_x"]) * across, float(said.get("fl_y", said["fl_x"])) * across
        cx, cy = (float(said.get(key, half)) * across for key, half in (("cx", width / 2), ("cy", height / 2)))
    elif "camera_angle_x" in said:
        fx = fy = 0.5 * width / math.tan(0.5 * float(said["camera_angle_x"]))
        cx, cy = width / 2, height / 2
    else:
        raise DarkroomError(f"{path} says neither camera_angle_x nor fl_x: the focal length is unknown")
    return Camera(width, height, fx, fy, cx, cy, pose)


def _remarks_on_lens(path: Path, described: Mapping[str, Any]) -> list[str]:
    bends = [f"{key}={value}" for key in ("k1", "k2", "k3", "k4", "p1", "p2") if (value := described.get(key))]
    if not bends:
        return []
    return [
        f"{path} describes a lens that distorts ({', '.join(bends)}), which is passed over: images should be those of a pinhole, "
        "as darkroom data poses makes them"
    ]


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise DarkroomError(f"no file at {path}") from error
    except (OSError, ValueError) as error:
        raise DarkroomError(f"{path} cannot be read as JSON ({error})") from error
    frames = found.get("frames") if isinstance(found, dict) else None
    if not isinstance(frames, list) or not all(isinstance(frame, dict) and "file_path" in frame for frame in frames):
        raise DarkroomError(f"{path} has no list of frames with a file_path each: is it a transforms file?")
    return found


def _file(root: Path, frame: Mapping[str, Any]) -> Path:
    named = root / str(frame["file_path"])
    return named if named.suffix else named.with_suffix(".png")


def _pose(path: Path, file: Path, frame: Mapping[str, Any]) -> Tensor:
    try:
        pose = torch.tensor(frame["transform_matrix"], dtype=torch.float32)
        if pose.shape not in ((3, 4), (4, 4)) or not torch.isfinite(pose).all():
            raise ValueError
    except (KeyError, ValueError, TypeError) as error:
        raise DarkroomError(f"{path}: the transform_matrix of {file.name} is no 4x4 matrix of numbers") from error
    return pose[:3]


def write(path: Path, views: Sequence[View], files: Sequence[str], **more: float) -> None:
    """Write a transforms file for views with equal intrinsics; `files` are their paths relative to it, `more` what else it says."""
    camera = views[0].camera
    about = dict(
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
    write_json(path, {**about, "frames": frames})
