"""Files that describe cameras: every entry that is not valid is one line that names it, whatever it holds."""

import copy
import io
import json
import random
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from darkroom.core.errors import DarkroomError
from darkroom.radiance import blender, llff, named
from darkroom.radiance.scenes import Scene

WRONG = [None, True, "x", "", [], {}, 0, -1, 0.5, 1e300, -1e300, 1e-300, 10**400, float("nan"), float("inf"), [1], {"a": 1}]


def rotation(x: float) -> list[list[float]]:
    return [[1.0, 0, 0, x], [0, 1, 0, 0], [0, 0, 1, 4.0], [0, 0, 0, 1]]


def transforms() -> dict[str, Any]:
    frames = [{"file_path": f"./images/r_{n}", "transform_matrix": rotation(n)} for n in range(9)]
    intrinsics = {"fl_x": 30.0, "fl_y": 30.0, "cx": 8.0, "cy": 6.0, "w": 16, "h": 12, "k1": 0.0}
    return {"camera_angle_x": 0.7, **intrinsics, "near": 2.0, "far": 6.0, "frames": frames}


def table() -> np.ndarray:
    """Nine cameras side by side, in LLFF's axes: down, right, back."""
    axes = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    poses = [np.concatenate([axes, [[n], [0], [0]], [[120], [160], [200]]], 1).ravel() for n in range(9)]
    return np.stack([np.concatenate([pose, [2.0, 20.0]]) for pose in poses])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A scene in both layouts."""
    (tmp_path / "images").mkdir()
    for number in range(9):
        Image.new("RGB", (16, 12), (number, 0, 0)).save(tmp_path / "images" / f"r_{number}.png")
    (tmp_path / "transforms.json").write_text(json.dumps(transforms()))
    np.save(tmp_path / "poses_bounds.npy", table())
    return tmp_path


def outcome(read: Callable[[], Scene]) -> str:
    """What a file leads to: "read", "refused", or a message that is not one line; other errors are raised."""
    try:
        scene = read()
    except DarkroomError as error:
        return "refused" if str(error).isprintable() and len(str(error)) < 1000 else f"in more than one line: {error}"
    assert len(scene.by_name) == sum(map(len, scene.views.values()))
    for camera in scene.cameras.values():
        assert camera.rays().directions.isfinite().all() and camera.fx > 0
    assert 0 <= scene.near < scene.far
    return "read"


@pytest.mark.parametrize(
    ("changes", "frame", "message"),
    [
        ({"camera_angle_x": 0}, {}, "camera_angle_x must be a number from 1e-06 to 3.14159, not 0"),
        ({"camera_angle_x": "x"}, {}, "camera_angle_x must be .*, not 'x'"),
        ({"camera_angle_x": 3.2}, {}, "camera_angle_x"),
        ({"near": None}, {}, "near must be a number from 0 to 1e.09, not null"),
        ({"near": 6}, {}, "near must be smaller than far, but near is 6 and far 6"),
        ({"far": float("inf")}, {}, "far must be .* not inf"),
        ({"fl_x": -30}, {}, "fl_x must be .* not -30"),
        ({"w": 16.5}, {}, "w must be a whole number"),
        ({"h": True}, {}, "h must be .* not True"),
        ({"k1": [1]}, {}, "k1 must be a number"),
        ({"frames": {}}, {}, "no list of frames"),
        ({"frames": [3]}, {}, "frame 0: it must be an object"),
        ({}, {"fl_y": 0}, "frame 4: fl_y must be"),
        ({}, {"file_path": 3}, "frame 4: file_path must be the path of an image, not 3"),
        ({}, {"file_path": "images/.."}, "frame 4: file_path"),
        ({}, {"file_path": "a\nb"}, "frame 4: file_path must be .* without control characters"),
        ({}, {"file_path": "a\0"}, "frame 4: file_path must be .* without control characters"),
        ({}, {"file_path": "\ud800"}, "frame 4: file_path must be .* without unpaired surrogates"),
        ({}, {"file_path": "a" * 300}, "frame 4: file_path must be .* of at most"),
        ({}, {"file_path": "images/./r_3"}, "2 frames have the file_path 'images/r_3'"),
        ({}, {"transform_matrix": [[1, 2], [3]]}, "frame 4: transform_matrix must be 3x4 or 4x4"),
        ({}, {"transform_matrix": [[float("nan")] * 4] * 3}, "frame 4: transform_matrix must hold numbers"),
        ({}, {"transform_matrix": [[0] * 4] * 3}, "frame 4: transform_matrix .* singular"),
        ({}, {"transform_matrix": [list(c) for c in zip(*rotation(1), strict=True)]}, "is it transposed"),
    ],
)
def test_file_frame_and_entry_are_named(folder: Path, changes: dict, frame: dict, message: str):
    content = {**transforms(), **changes}
    if frame:
        content["frames"][4] |= frame
    (folder / "transforms.json").write_text(json.dumps(content))
    with pytest.raises(DarkroomError, match=f"{folder / 'transforms.json'}.*{message}"):
        blender.scene(folder)


def test_names_of_views_are_unique(folder: Path):
    """Equal file names in two folders are told apart by their folders; paths that stay ambiguous are refused."""
    content = transforms()
    for path, frame in zip(("a/r_0", "b/r_0"), content["frames"], strict=False):
        frame["file_path"] = path
        (folder / path).parent.mkdir(exist_ok=True)
        Image.new("RGB", (16, 12)).save(folder / f"{path}.png")
    (folder / "transforms.json").write_text(json.dumps(content))
    assert {"a_r_0", "b_r_0", "images_r_2"} < set(blender.scene(folder).by_name)
    content["frames"][2]["file_path"] = "a_r_0"
    Image.new("RGB", (16, 12)).save(folder / "a_r_0.png")
    (folder / "transforms.json").write_text(json.dumps(content))
    with pytest.raises(DarkroomError, match="two images would have the name 'a_r_0'"):
        blender.scene(folder)
    Image.new("RGB", (16, 12)).save(folder / "images" / "r_1.jpg")
    (folder / "images" / "r_8.png").unlink()
    with pytest.raises(DarkroomError, match="two images would have the name 'r_1'"):
        llff.scene(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 200_000, "nested too deeply"),
        (b'{"frames": ' * 100_000, "nested too deeply"),
        (b'{"frames": [], "near": ' + b"9" * 5000 + b"}", "is damaged"),
        (b"\xff\xfe{}", "is damaged"),
        (b"", "is damaged"),
        (b"null", "holds a NoneType"),
    ],
)
def test_damaged_json_is_one_line(folder: Path, content: bytes, message: str):
    (folder / "transforms.json").write_bytes(content)
    with pytest.raises(DarkroomError, match=message):
        blender.scene(folder)


def test_a_huge_file_is_refused_before_it_is_read(folder: Path):
    with (folder / "transforms.json").open("wb") as file:
        file.truncate(2**33)  # sparse
    with pytest.raises(DarkroomError, match="8192 MiB; at most 128 MiB"):
        blender.scene(folder)


def test_paths_that_cannot_be_opened_are_remarked_or_refused(folder: Path):
    content = transforms()
    content["frames"][4]["file_path"] = "/proc/1/root/secret/" + "x/" * 400 + "y"
    (folder / "transforms.json").write_text(json.dumps(content))
    assert "1 of the 9 frames" in blender.scene(folder).remarks[0]
    for name in ("~no-such-user/x", "a" * 5000, "a\0b"):
        with pytest.raises(DarkroomError, match="no folder at|the scene"):
            named.scene(name)


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (3, 4, -120.0, "row 3: height"),
        (0, 9, 0.0, "row 0: width"),
        (2, 14, np.nan, "row 2: focal length"),
        (8, 15, 20.0, "row 8: near must be smaller than far"),
        (1, 16, np.inf, "row 1: far"),
        (1, 15, -2.0, "row 1: near"),
        (5, 3, np.inf, "row 5: the pose must hold"),
        (5, 12, 0.0, "row 5: the pose .* singular"),
    ],
)
def test_rows_of_poses_bounds_are_checked(folder: Path, row: int, column: int, value: float, message: str):
    changed = table()
    changed[row, column] = value
    np.save(folder / "poses_bounds.npy", changed)
    with pytest.raises(DarkroomError, match=message):
        llff.scene(folder)


def saved(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("poses.npy", saved(table()))
    return file.getvalue()


def test_other_arrays_than_poses_bounds_are_refused(folder: Path):
    opposed = table()
    opposed[::2, [2, 7, 12]] *= -1
    opposed = opposed[:8]
    (folder / "images" / "r_8.png").unlink()
    huge = saved(table()).replace(b"(9, 17), }", b"(1000000000, 17), }")[: -len(b"000000000")]
    arrays = [table().astype(complex), table().astype(str), table()[0], table()[:, :16], table()[:0], np.float64(3), opposed]
    contents = [*map(saved, arrays), saved(np.array([object()])), archive(), archive()[:40], huge, b"", b"PK\3\4"]
    for content in contents:
        (folder / "poses_bounds.npy").write_bytes(content)
        assert outcome(lambda: llff.scene(folder)) == "refused", content[:100]
    (folder / "poses_bounds.npy").write_bytes(saved(np.asfortranarray(table()[:8].astype(">f4"))))
    assert outcome(lambda: llff.scene(folder)) == "read"


def places(content: Any, path: tuple = ()) -> list[tuple]:
    """Keys and indices that lead to every value inside a JSON value."""
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [place for key, value in inside for place in ((*path, key), *places(value, (*path, key)))]


def mutated(draw: random.Random) -> bytes:
    """A valid transforms file with one or two values replaced or removed, sometimes with damaged bytes."""
    content = copy.deepcopy(transforms())
    every = [place for place in places(content) if place[:1] != ("frames",) or draw.random() < 0.2]
    for place in draw.sample(every, draw.randint(1, 2)):
        at: Any = content
        try:
            for key in place[:-1]:
                at = at[key]
            if draw.random() < 0.3:
                del at[place[-1]]
            else:
                at[place[-1]] = draw.choice([*WRONG, 1.5, 3, 5.0])
        except (LookupError, TypeError):  # removed by an earlier mutation
            continue
    text = bytearray(json.dumps(content), "utf-8")
    if draw.random() < 0.2:
        for _ in range(draw.randint(1, 4)):
            text[draw.randrange(len(text))] = draw.randrange(256)
    return bytes(text[: draw.randrange(len(text))] if draw.random() < 0.05 else text)


def test_mutations_of_transforms_are_read_or_refused(folder: Path):
    draw, counts = random.Random(14), Counter()
    for _ in range(200):
        (folder / "transforms.json").write_bytes(mutated(draw))
        counts[outcome(lambda: blender.scene(folder))] += 1
    assert set(counts) == {"refused", "read"} and min(counts.values()) > 5, counts


def test_mutations_of_poses_bounds_are_read_or_refused(folder: Path):
    draw, counts, valid = random.Random(14), Counter(), saved(table())
    for number in range(100):
        content = bytearray(valid)
        for _ in range(draw.randint(1, 3)):
            content[draw.randrange(128 if number % 2 else len(content))] = draw.randrange(256)
        (folder / "poses_bounds.npy").write_bytes(content[: draw.randrange(len(content))] if number % 10 == 0 else content)
        counts[outcome(lambda: llff.scene(folder))] += 1
    assert set(counts) == {"refused", "read"} and min(counts.values()) > 5, counts
