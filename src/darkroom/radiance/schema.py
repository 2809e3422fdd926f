"""The checks of files that describe cameras: transforms files, and `poses_bounds.npy` of LLFF."""

import math
import os
import reprlib
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from darkroom.core.errors import DarkroomError
from darkroom.core.files import read_json
from darkroom.radiance.intrinsics import refuse_unknown

MAX_BYTES = 128 * 2**20
"""Largest transforms file; a frame takes about 500 bytes."""

_LARGEST = 1e9
_LENS = dict.fromkeys(("k1", "k2", "k3", "k4", "p1", "p2"), (-1e3, 1e3))
_FOCAL, _SIZE = (1e-3, _LARGEST), (1.0, 1e6)

RANGES = {
    "camera_angle_x": (1e-6, 3.14159),
    "camera_angle_y": (1e-6, 3.14159),
    "fl_x": _FOCAL,
    "fl_y": _FOCAL,
    "cx": (-_LARGEST, _LARGEST),
    "cy": (-_LARGEST, _LARGEST),
    "w": _SIZE,
    "h": _SIZE,
    **_LENS,
}
"""Range of every entry that a transforms file may have for all frames or for one; lengths in pixels, the angle in radians."""

_BOUNDS = {"near": (0.0, _LARGEST), "far": (1e-9, _LARGEST), "aabb_scale": (1e-3, _LARGEST), "scale": (1e-9, _LARGEST)}

SPLITS = {"train_filenames": "train", "val_filenames": "val", "test_filenames": "test"}
"""Entries that list the paths of a split."""


def read_transforms(path: Path) -> dict[str, Any]:
    """Read a transforms file and check every entry that is used.

    Numbers are finite and in `RANGES`, `0 <= near < far`, nothing is stated that would have to be ignored, every frame has a focal length, a `file_path` that no other frame
    has, and a `transform_matrix` of 3x4 or 4x4 numbers that is not singular.

    Raises:
        DarkroomError: the file is missing, is not JSON, or an entry is not valid; frame and entry are named.
    """
    try:
        size = path.stat().st_size
    except (OSError, ValueError) as error:
        raise DarkroomError(f"no file at {path}") from error
    if size > MAX_BYTES:
        raise DarkroomError(f"{path} has {size / 2**20:.0f} MiB; at most {MAX_BYTES // 2**20} MiB are read")
    content = read_json(path)
    frames = content.get("frames")
    if not isinstance(frames, list):
        raise DarkroomError(f"{path} has no list of frames: is it a transforms file?")
    _numbers(f"{path}: ", content, {**RANGES, **_BOUNDS})
    near, far = content.get("near"), content.get("far")
    if near is not None and far is not None and near >= far:
        raise DarkroomError(f"{path}: near must be smaller than far, but near is {near:g} and far {far:g}")
    _offset_and_splits(path, content)
    refuse_unknown(f"{path}: ", content)
    for number, frame in enumerate(frames):
        _frame(f"{path}: frame {number}: ", frame, content)
    repeated, count = Counter(os.path.normpath(frame["file_path"]) for frame in frames).most_common(1)[0] if frames else ("", 0)
    if count > 1:
        raise DarkroomError(f"{path}: {count} frames have the file_path {_short(repeated)}: every frame must have its own")
    return content


def _offset_and_splits(path: Path, content: Mapping[str, Any]) -> None:
    offset = content.get("offset", [0.5] * 3)
    if not isinstance(offset, list) or len(offset) != 3 or not all(_is_number(x) and abs(x) <= _LARGEST for x in offset):
        _refuse(f"{path}: ", "offset", "three numbers", offset)
    for key in SPLITS:
        listed = content.get(key, [])
        if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
            _refuse(f"{path}: ", key, "a list of paths", listed)


def check_unique(path: Path, names: Sequence[str]) -> None:
    """Check that names of views are unique.

    Raises:
        DarkroomError: a name is repeated.
    """
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DarkroomError(f"{path}: two images would have the name {_short(repeated[0])}: rename one of them")


def check_poses_bounds(path: Path, table: np.ndarray) -> None:
    """Check LLFF's table: 12 numbers of a pose, height, width and focal length in pixels, near and far in every row.

    Raises:
        DarkroomError: the shape or a number is not valid; the row is named.
    """
    if table.ndim != 2 or table.shape[1] != 17 or not len(table):
        raise DarkroomError(f"{path} has shape {table.shape}; LLFF's has 17 numbers per image")
    if table.dtype.kind not in "fiu":
        raise DarkroomError(f"{path} holds {table.dtype.name}; LLFF's holds real numbers")
    for number, row in enumerate(table.tolist()):
        at = f"{path}: row {number}: "
        columns = [row[5 * axis : 5 * axis + 5] for axis in range(3)]
        check_matrix(f"{at}the pose ", [column[:4] for column in columns])
        sizes = dict(zip(("height", "width", "focal length"), (column[4] for column in columns), strict=True))
        _numbers(at, sizes, {"height": _SIZE, "width": _SIZE, "focal length": _FOCAL})
        bounds = {"near": row[15], "far": row[16]}
        _numbers(at, bounds, dict.fromkeys(bounds, (1e-6, _LARGEST)))
        if row[15] >= row[16]:
            raise DarkroomError(f"{at}near must be smaller than far, but near is {row[15]:g} and far {row[16]:g}")


def _frame(at: str, frame: Any, content: Mapping[str, Any]) -> None:
    if not isinstance(frame, dict):
        _refuse(at, "it", "an object with file_path and transform_matrix", frame)
    for key in ("file_path", "transform_matrix"):
        if key not in frame:
            raise DarkroomError(f"{at}it has no {key}")
    check_file_path(at, frame["file_path"])
    _numbers(at, frame, RANGES)
    refuse_unknown(at, frame)
    check_matrix(f"{at}transform_matrix ", frame["transform_matrix"])
    if not {"camera_angle_x", "fl_x"} & {*content, *frame}:
        raise DarkroomError(f"{at}neither camera_angle_x nor fl_x is given: the focal length is unknown")


def check_file_path(at: str, given: Any) -> None:
    """A path that a file system can hold, that ends with a file's name, and that fits in one line."""
    wanted = "the path of an image"
    if not isinstance(given, str) or Path(given).name in ("", ".."):
        _refuse(at, "file_path", wanted, given)
    try:
        sizes = [len(os.fsencode(part)) for part in (given, *Path(given).parts)]
    except UnicodeEncodeError:
        _refuse(at, "file_path", f"{wanted} without unpaired surrogates", given)
    if any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in given):
        _refuse(at, "file_path", f"{wanted} without control characters", given)
    if sizes[0] > 1024 or max(sizes[1:]) > 250:
        _refuse(at, "file_path", f"{wanted} of at most 1024 bytes, 250 in a name", given)


def _numbers(at: str, entries: Mapping[str, Any], ranges: Mapping[str, tuple[float, float]]) -> None:
    for key, (low, high) in ranges.items():
        if key not in entries:
            continue
        value = entries[key]
        if not _is_number(value) or not low <= value <= high:
            _refuse(at, key, f"a number from {low:g} to {high:g}", value)
        if key in ("w", "h") and value != int(value):
            _refuse(at, key, "a whole number of pixels", value)


def check_matrix(at: str, rows: Any) -> None:
    """A pose: three rows of four numbers, possibly followed by 0, 0, 0, 1, whose first three columns are independent."""
    shaped = isinstance(rows, list) and len(rows) in (3, 4) and all(isinstance(row, list) and len(row) == 4 for row in rows)
    if not shaped:
        raise DarkroomError(f"{at}must be 3x4 or 4x4 numbers, not {_short(rows)}")
    for value in (value for row in rows for value in row):
        if not _is_number(value) or abs(value) > _LARGEST:
            raise DarkroomError(f"{at}must hold numbers of at most {_LARGEST:g}, not {_short(value)}")
    if len(rows) == 4 and any(abs(value - last) > 1e-3 for value, last in zip(rows[3], (0, 0, 0, 1), strict=True)):
        raise DarkroomError(f"{at}must have the last row 0, 0, 0, 1, not {_short(rows[3])}: is it transposed?")
    axes = np.array([row[:3] for row in rows[:3]], dtype=np.float64)
    volume = float(np.linalg.norm(axes, axis=0).prod())
    if abs(float(np.linalg.det(axes))) <= 1e-6 * volume:
        raise DarkroomError(f"{at}must be a rotation and a centre, but its rotation is singular: {_short(axes.tolist())}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and (isinstance(value, int) or math.isfinite(value))


def _refuse(at: str, key: str, wanted: str, value: Any) -> NoReturn:
    raise DarkroomError(f"{at}{key} must be {wanted}, not {_short(value)}")


def _short(value: Any) -> str:
    """At most one short line, whatever the value."""
    return "null" if value is None else reprlib.repr(value)[:120]
