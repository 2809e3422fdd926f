"""Scenes in transforms files: the layout of the NeRF paper's synthetic data, and a single `transforms.json`."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from darkroom.core import images
from darkroom.core.errors import DarkroomError
from darkroom.core.files import write_json
from darkroom.radiance import bounds
from darkroom.radiance.bounds import UNSAID, Depths, Given
from darkroom.radiance.intrinsics import camera_of, lens_of
from darkroom.radiance.lens import TOLERANCE, LensCamera, displacement, pinhole
from darkroom.radiance.scenes import Scene, View, numbered_split, remarks_on_poses
from darkroom.radiance.schema import SPLITS, check_unique, read_transforms

SINGLE = "transforms.json"

NGP_SCALE, NGP_OFFSET = 0.33, [0.5, 0.5, 0.5]
"""How instant-ngp maps the world to its unit cube where the file does not say; `aabb_scale` is the side of its box there."""


def scene(folder: Path, size: int = 0, given: Given = UNSAID) -> Scene:
    """Read `transforms_{train,val,test}.json`, or one `transforms.json` with its lists of a split, or every eighth frame as a test view.

    Frames whose image is missing are left out with a remark; so is a split that has none.

    Args:
        folder: of the files; paths in them are relative to it.
        size: downscale images to this width; 0 for their own size.
        given: near, far and scale; by default those of the file, of its `aabb_scale`, or a guess from the cameras.

    Raises:
        DarkroomError: a file is missing, is not JSON, or an entry is missing, not valid, or not supported.
    """
    files = {split: folder / f"transforms_{split}.json" for split in ("train", "val", "test")}
    present = {split: path for split, path in files.items() if path.is_file()}
    if not present and (folder / SINGLE).is_file():
        present = {"all": folder / SINGLE}
    if not present:
        raise DarkroomError(f"no transforms_train.json, no {SINGLE} and no COLMAP model in {folder}: is it a scene?")
    views: dict[str, list[View]] = {}
    remarks: list[str] = []
    for split, path in present.items():
        views[split], more = read_frames(path, size, prefix="" if split == "all" else f"{split}_")
        remarks += more
    found = {split: some for split, some in views.items() if some}
    if "all" in views:
        found, more = _split(present["all"], views["all"])
        remarks += more
    if not found.get("train"):
        raise DarkroomError(f"no training image of {folder} exists; {' '.join(remarks)}")
    depths = _depths(next(iter(present.values())), found["train"])
    found, near, far, frame, more = bounds.framed(found, depths, given)
    return Scene(folder.resolve().name, found, near, far, frame=frame, remarks=(*remarks, *more))


def _split(path: Path, views: Sequence[View]) -> tuple[dict[str, list[View]], list[str]]:
    """The views of one file by the lists in it, or by number where it has none."""
    content, root = read_transforms(path), path.parent
    listed = {split: {_file(root, name) for name in content[key]} for key, split in SPLITS.items() if content.get(key)}
    if not listed:
        return numbered_split(views), []
    found = {split: [view for view in views if view.path in files] for split, files in listed.items()}
    rest = len(views) - len({view.name for some in found.values() for view in some})
    more = [f"{rest} of the {len(views)} frames of {path} are in none of {', '.join(SPLITS)}, and are left out"] if rest else []
    if not found.get("test") and found.get("val"):
        found["test"] = found["val"]
    return {split: some for split, some in found.items() if some}, more


def near_and_far(path: Path) -> tuple[float, float]:
    """Near and far as a transforms file states them.

    Raises:
        DarkroomError: the file is broken, or does not state them.
    """
    content = read_transforms(path)
    if not {"near", "far"} <= content.keys():
        raise DarkroomError(f"{path} does not state near and far")
    return float(content["near"]), float(content["far"])


def _depths(path: Path, views: Sequence[View]) -> Depths:
    """Bounds as a file states them, those of instant-ngp's box, or a guess."""
    content = read_transforms(path)
    poses = torch.stack([view.camera.pose for view in views])
    if "aabb_scale" in content:
        scale, offset = float(content.get("scale", NGP_SCALE)), content.get("offset", NGP_OFFSET)
        centre = (0.5 - torch.tensor(offset, dtype=torch.float64)) / scale
        found = bounds.of_box(poses, centre, 0.5 * float(content["aabb_scale"]) / scale)
    else:
        found = bounds.of_cameras(poses, opaque=images.read(views[0].path).alpha is None)
    near, far = float(content.get("near", found.near)), float(content.get("far", found.far))
    return Depths(near, far, found.centre, bounds.FILE if {"near", "far"} <= content.keys() else found.source)


def read_frames(path: Path, size: int = 0, *, prefix: str = "", require_images: bool = True) -> tuple[list[View], list[str]]:
    """The views of a transforms file in its own world, and remarks on them.

    Every frame has its own camera, lens and image size. Photographs of a lens that distorts are undistorted when they are read.

    Args:
        path: the file.
        size: resize cameras to this width; 0 for their own size.
        prefix: put before names.
        require_images: leave out frames whose image is missing; otherwise only cameras are read.

    Raises:
        DarkroomError: the file is broken, lacks the focal length, or states what is not supported.
    """
    content, root = read_transforms(path), path.parent
    listed = [(_file(root, frame["file_path"]), number, frame) for number, frame in enumerate(content["frames"])]
    present = [each for each in listed if os.path.isfile(each[0])]
    remarks = []
    if require_images and len(present) < len(listed):
        missing = next(file for file, *_ in listed if not os.path.isfile(file))
        remarks.append(
            f"{len(listed) - len(present)} of the {len(listed)} frames of {path} have no image file, for example {missing}"
        )
    used = present if require_images else listed
    if not used:
        return [], remarks
    names = _names([frame["file_path"] for *_, frame in used], prefix)
    check_unique(path, names)
    views = [
        _view(f"{path}: frame {number}: ", content, frame, name, file)
        for name, (file, number, frame) in zip(names, used, strict=True)
    ]
    remarks += remarks_on_poses(torch.stack([view.camera.pose for view in views]), str(path))
    bent = sum(view.taken_by is not None for view in views)
    if bent:
        remarks.append(f"{bent} of the {len(views)} photographs of {path} are undistorted when they are read")
    if size:
        views = [replace(view, camera=view.camera.with_width(size)) for view in views]
    return views, remarks


def _view(at: str, content: Mapping[str, Any], frame: Mapping[str, Any], name: str, file: Path) -> View:
    pose = torch.tensor(frame["transform_matrix"][:3], dtype=torch.float32)
    camera = camera_of(at, content, frame, images.size(file) if os.path.isfile(file) else None, pose)
    lens = lens_of(at, {**content, **frame})
    if not lens.fisheye and displacement(camera, lens) <= TOLERANCE:
        return View(name, file, camera)
    return View(name, file, pinhole(camera, lens), LensCamera(camera, lens))


def _names(paths: Sequence[str], prefix: str) -> list[str]:
    """Unique names of frames: file names, or whole paths where these repeat."""
    names = [prefix + Path(path).stem for path in paths]
    if len(set(names)) < len(names):
        return [prefix + path.strip("./").replace("/", "_") for path in paths]
    return names


def _file(root: Path, named: str) -> Path:
    """The file of a path, which may lack the ending of the file's name."""
    path = root / named
    if os.path.isfile(path) or path.suffix.lower() in images.READABLE:
        return path
    endings = (".png", *sorted(images.READABLE - {".png"}))
    candidates = [path.with_name(path.name + each) for ending in endings for each in (ending, ending.upper())]
    return next((file for file in candidates if os.path.isfile(file)), candidates[0])


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
