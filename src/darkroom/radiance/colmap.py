"""Scenes as COLMAP's models: a folder of cameras, images and points, binary or text (https://colmap.github.io/format.html)."""

import struct
from collections.abc import Iterator
from os.path import isfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core import images
from darkroom.core.errors import DarkroomError
from darkroom.radiance import bounds
from darkroom.radiance.bounds import UNSAID, Given
from darkroom.radiance.cameras import Camera, convert
from darkroom.radiance.lens import TOLERANCE, Lens, LensCamera, displacement, pinhole
from darkroom.radiance.scenes import Scene, View, numbered_split, remarks_on_poses
from darkroom.radiance.schema import check_file_path, check_unique

PLACES = ("sparse/0", "sparse", "colmap/sparse/0", ".")
"""Where a model lies in the folder of a scene."""

PHOTOGRAPHS = ("images", "input", "train", ".")
"""Where the photographs are, which a model names without their folder."""

MAX_BYTES = 4 * 2**30
"""Largest file of a model."""

_MODELS: tuple[tuple[str, int, tuple[str, ...] | None], ...] = (
    ("SIMPLE_PINHOLE", 3, ()),
    ("PINHOLE", 4, ()),
    ("SIMPLE_RADIAL", 3, ("k1",)),
    ("RADIAL", 3, ("k1", "k2")),
    ("OPENCV", 4, ("k1", "k2", "p1", "p2")),
    ("OPENCV_FISHEYE", 4, ("k1", "k2", "k3", "k4")),
    ("FULL_OPENCV", 12, None),
    ("FOV", 5, None),
    ("SIMPLE_RADIAL_FISHEYE", 3, ("k1",)),
    ("RADIAL_FISHEYE", 3, ("k1", "k2")),
    ("THIN_PRISM_FISHEYE", 12, None),
    ("RAD_TAN_THIN_PRISM_FISHEYE", 16, None),
)
"""Camera models by their number: name, parameters of the pinhole (f or fx and fy, cx, cy), and the lens; None: not supported."""


class _Image(NamedTuple):
    name: str
    camera: int
    pose: Float[Tensor, "3 4"]


_Cameras = dict[int, tuple[Camera, Lens]]


def model_of(folder: Path) -> Path | None:
    """The folder of the model in a scene's folder, if there is one."""
    places = (folder / place for place in PLACES)
    return next((place for place in places if any(isfile(place / f"cameras{ending}") for ending in (".bin", ".txt"))), None)


def scene(folder: Path, size: int = 0, given: Given = UNSAID) -> Scene:
    """Read the model `sparse/0` of a folder and the photographs in its `images`; every eighth one by name is a test view.

    Every photograph has its own camera and lens. Near and far follow from the reconstructed points.

    Args:
        folder: of the scene.
        size: downscale images to this width; 0 for their own size.
        given: near, far and scale.

    Raises:
        DarkroomError: a file is missing, damaged, or has a camera model that is not supported.
    """
    model = model_of(folder)
    if model is None:
        raise DarkroomError(f"no cameras.bin and no cameras.txt in {folder / PLACES[0]}: is it COLMAP's?")
    try:
        cameras, listed, points = _read(model)
    except (struct.error, ValueError, IndexError) as error:
        raise DarkroomError(f"the COLMAP model {model} is damaged: {str(error)[:100] or type(error).__name__}") from error
    views, remarks = _views(folder, model, cameras, sorted(listed, key=lambda image: image.name))
    if size:
        views = [View(view.name, view.path, view.camera.with_width(size), view.taken_by) for view in views]
    poses = torch.stack([view.camera.pose for view in views])
    remarks += remarks_on_poses(poses, str(model))
    known = len(points) > 0
    depths = bounds.of_points(poses, points) if known else bounds.of_cameras(poses, opaque=True)
    split, near, far, frame, more = bounds.framed(numbered_split(views), depths, given, points if known else None)
    return Scene(folder.resolve().name, split, near, far, frame=frame, remarks=(*remarks, *more))


def _read(model: Path) -> tuple[_Cameras, list[_Image], Float[Tensor, "points 3"]]:
    if isfile(model / "cameras.bin"):
        cameras, listed, points = (model / f"{name}.bin" for name in ("cameras", "images", "points3D"))
        return _binary_cameras(cameras), _binary_images(listed), _binary_points(points)
    cameras, listed, points = (model / f"{name}.txt" for name in ("cameras", "images", "points3D"))
    return _text_cameras(cameras), _text_images(listed), _text_points(points)


def _views(folder: Path, model: Path, cameras: _Cameras, listed: list[_Image]) -> tuple[list[View], list[str]]:
    if not listed:
        raise DarkroomError(f"the COLMAP model {model} has no images")
    for image in listed:
        check_file_path(f"{model}: ", image.name)
        if image.camera not in cameras:
            raise DarkroomError(f"{model}: the image {image.name} has the camera {image.camera}, which the model lacks")
    places = [folder / place for place in PHOTOGRAPHS]
    root = max(places, key=lambda place: sum(isfile(place / image.name) for image in listed))
    present = [image for image in listed if isfile(root / image.name)]
    if len(present) < 2:
        raise DarkroomError(f"{len(present)} of the {len(listed)} images of {model} are in {folder / 'images'}")
    remarks = []
    if len(present) < len(listed):
        missing = next(image.name for image in listed if image not in present)
        remarks.append(
            f"{len(listed) - len(present)} of the {len(listed)} images of {model} have no file, for example {missing}"
        )
    stems = [Path(image.name).stem for image in present]
    names = stems if len(set(stems)) == len(stems) else [image.name.replace("/", "_") for image in present]
    check_unique(model, names)
    views = [_view(name, root / image.name, image, *cameras[image.camera]) for name, image in zip(names, present, strict=True)]
    bent = sum(view.taken_by is not None for view in views)
    if bent:
        remarks.append(f"{bent} of the {len(views)} photographs of {model} are undistorted when they are read")
    return views, remarks


def _view(name: str, file: Path, image: _Image, camera: Camera, lens: Lens) -> View:
    width, height = images.size(file)
    if abs(width * camera.height - height * camera.width) > 2 * max(width, height, camera.width, camera.height):
        raise DarkroomError(f"{file} has {width}x{height} pixels, but its camera {camera.width}x{camera.height}")
    camera = Camera(camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy, image.pose).resized(width, height)
    if not lens.fisheye and displacement(camera, lens) <= TOLERANCE:
        return View(name, file, camera)
    return View(name, file, pinhole(camera, lens), LensCamera(camera, lens))


def _camera(path: Path, model: str, width: int, height: int, given: tuple[float, ...]) -> tuple[Camera, Lens]:
    found = {name: (own, lens) for name, own, lens in _MODELS}.get(model)
    own, names = found or (0, None)
    if names is None:
        supported = ", ".join(name for name, _, lens in _MODELS if lens is not None)
        raise DarkroomError(f"{path}: the camera model {model[:40]} is not supported; read are {supported}")
    if len(given) != own + len(names) or not np.isfinite(given).all() or not min(given[: own - 2]) > 0:
        raise DarkroomError(f"{path}: a camera {model} has the parameters {given[:8]}, which are not {own + len(names)} of one")
    if not (0 < width <= 10**6 and 0 < height <= 10**6):
        raise DarkroomError(f"{path}: a camera has {width}x{height} pixels")
    fx, fy, cx, cy = given[:4] if own == 4 else (given[0], *given[:3])
    lens = Lens(**dict(zip(names, given[own:], strict=True)), fisheye="FISHEYE" in model)
    return Camera(width, height, fx, fy, cx, cy, torch.eye(3, 4)), lens


def _pose(path: Path, numbers: tuple[float, ...]) -> Float[Tensor, "3 4"]:
    """Camera to world, opengl axes, of a quaternion w, x, y, z and a translation, world to camera, opencv axes."""
    q, t = torch.tensor(numbers[:4], dtype=torch.float64), torch.tensor(numbers[4:], dtype=torch.float64)
    if not torch.tensor(numbers).isfinite().all() or not float(q.norm()) > 1e-6:
        raise DarkroomError(f"{path}: a pose holds {numbers}")
    w, x, y, z = (q / q.norm()).tolist()
    rotation = torch.tensor(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ],
        dtype=torch.float64,
    )
    return convert(torch.cat([rotation.T, -(rotation.T @ t)[:, None]], 1), "opencv").float()


def _bytes(path: Path) -> bytes:
    if not isfile(path):
        raise DarkroomError(f"no file at {path}")
    if path.stat().st_size > MAX_BYTES:
        raise DarkroomError(f"{path} has {path.stat().st_size / 2**30:.0f} GiB; at most {MAX_BYTES // 2**30} are read")
    return path.read_bytes()


def _binary_cameras(path: Path) -> _Cameras:
    content, at = _bytes(path), 8
    found: _Cameras = {}
    for _ in range(*struct.unpack_from("<Q", content)):
        number, kind, width, height = struct.unpack_from("<IiQQ", content, at)
        if not 0 <= kind < len(_MODELS):
            raise DarkroomError(f"{path}: the camera model number {kind} is not supported")
        name, own, lens = _MODELS[kind]
        count = own + len(lens or ())
        found[number] = _camera(path, name, width, height, struct.unpack_from(f"<{count}d", content, at + 24))
        at += 24 + 8 * count
    return found


def _binary_images(path: Path) -> list[_Image]:
    content, at, found = _bytes(path), 8, []
    for _ in range(*struct.unpack_from("<Q", content)):
        _, *pose, camera = struct.unpack_from("<I7dI", content, at)
        end = content.index(b"\0", at + 64)
        found.append(_Image(content[at + 64 : end].decode(), camera, _pose(path, tuple(pose))))
        (points,) = struct.unpack_from("<Q", content, end + 1)
        at = end + 9 + 24 * points
    _check_length(content, at)
    return found


def _binary_points(path: Path) -> Float[Tensor, "points 3"]:
    content, at, found = _bytes(path), 8, []
    for _ in range(*struct.unpack_from("<Q", content)):
        found.append(struct.unpack_from("<3d", content, at + 8))
        (track,) = struct.unpack_from("<Q", content, at + 43)
        at += 51 + 8 * track
    _check_length(content, at)
    return _points(found)


def _check_length(content: bytes, length: int) -> None:
    if len(content) < length:
        raise ValueError(f"{len(content)} bytes of {length}")


def _lines(path: Path) -> Iterator[list[str]]:
    return (line.split() for line in _bytes(path).decode().splitlines() if not line.startswith("#"))


def _text_cameras(path: Path) -> _Cameras:
    lines = [words for words in _lines(path) if words]
    return {int(n): _camera(path, kind, int(w), int(h), tuple(map(float, given))) for n, kind, w, h, *given in lines}


def _text_images(path: Path) -> list[_Image]:
    found, lines = [], _lines(path)
    for words in lines:
        if words:
            pose = _pose(path, tuple(map(float, words[1:8])))
            found.append(_Image(" ".join(words[9:]), int(words[8]), pose))
            next(lines, None)  # its points, possibly none
    return found


def _text_points(path: Path) -> Float[Tensor, "points 3"]:
    return _points([tuple(map(float, words[1:4])) for words in _lines(path) if words])


def _points(found: list[tuple[float, ...]]) -> Float[Tensor, "points 3"]:
    points = torch.tensor(found, dtype=torch.float64).view(-1, 3)
    return points[points.isfinite().all(1)]
