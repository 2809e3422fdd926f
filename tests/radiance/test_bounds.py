"""Near, far and size of a scene, and what is said of them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from darkroom.core.errors import DarkroomError
from darkroom.engine.fit import Training, fit
from darkroom.radiance import blender, bounds, named, tabletop
from darkroom.radiance.bounds import Given
from darkroom.recipes import lookup
from tests.engine.toys import fabric
from tests.radiance import room

SMALL = dict(
    voxels=20, coarse_voxels=20, coarse_steps=30, steps=70, doublings=1, features=4, width=8, batch_size=256, lr=0.5,
    occupancy_interval=50,
)  # fmt: skip


def scaled(folder: Path, to: Path, factor: float) -> Path:
    """The scene with its world scaled, and without near and far."""
    for path in folder.rglob("*"):
        if path.suffix == ".png":
            (to / path.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
            (to / path.relative_to(folder)).symlink_to(path)
    for path in folder.glob("transforms*.json"):
        content = json.loads(path.read_text())
        for frame in content["frames"]:
            for row in frame["transform_matrix"][:3]:
                row[3] *= factor
        (to / path.name).write_text(json.dumps({key: value for key, value in content.items() if key not in ("near", "far")}))
    return to


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("scene") / "table"
    tabletop.write(path, views=10, size=20, held_out=2)
    return path


def trained(scene: Path, **changes) -> float:
    run = lookup.build("dvgo", {**lookup.row("dvgo", "laptop"), **SMALL, "scene": str(scene), **changes})
    run.stream.open()
    run.prepare()
    list(fit(Training(run, fabric())))
    return run.validation.evaluate(run.validation.predictor(run.method.eval()), torch.device("cpu")).scores["psnr"].value


def test_a_scene_at_a_quarter_of_the_size_is_learned_as_well(folder: Path, tmp_path: Path):
    whole, quarter = (trained(scaled(folder, tmp_path / str(factor), factor)) for factor in (1.0, 0.25))
    assert whole == pytest.approx(quarter, abs=0.3) and whole > 13


def test_cameras_around_an_object_give_the_papers_bounds(folder: Path, tmp_path: Path, monkeypatch):
    """Half and one and a half of the distance of 4; the scene's own far is 6 at any size, and all of it is said."""
    for factor in (1.0, 0.25):
        scene = blender.scene(scaled(folder, tmp_path / str(factor), factor))
        assert (scene.near, scene.far) == pytest.approx((2.0, 6.0))
        (remark,) = [line for line in scene.remarks if "assumed" in line]
        assert "the cameras' distance from what they look at, a guess; --near and --far set them" in remark
        distances = torch.stack([camera.centre for camera in scene.cameras.values()]).norm(dim=1)
        assert float(distances.mean()) == pytest.approx(4, rel=0.02)
    assert not blender.scene(folder).remarks
    monkeypatch.setattr(named, "_embedded", lambda size: tmp_path / "1.0")
    known = named.scene("embedded", 23)
    assert (known.near, known.far, known.frame.scale, known.remarks) == (2.0, 6.0, 1.0, ())


def test_given_bounds_are_in_the_units_of_the_file(folder: Path):
    scene = blender.scene(folder, given=Given(near=1.0, far=12.0))
    assert (scene.near, scene.far, scene.frame.scale) == pytest.approx((0.5, 6.0, 0.5))
    scene = blender.scene(folder, given=Given(far=12.0, scale=2.0))
    assert (scene.near, scene.far) == (4.0, 24.0)
    assert float(scene.views["train"][0].camera.centre.norm()) == pytest.approx(8, abs=1e-3)
    with pytest.raises(DarkroomError, match="near 7 is not smaller than far 6 .* change --near or --far"):
        blender.scene(folder, given=Given(near=7.0))


def test_the_box_of_instant_ngp_gives_bounds():
    """aabb_scale 1 at a scale of 0.33 is a cube of 1 / 0.33; a camera at 4 is that far from its middle."""
    poses = torch.stack([camera.pose for camera in tabletop.cameras(5, 8)])
    found = bounds.of_box(poses, torch.zeros(3), 0.5 / 0.33)
    assert (found.near, found.far) == pytest.approx((4 - 3**0.5 * 0.5 / 0.33, 4 + 3**0.5 * 0.5 / 0.33), abs=1e-3)
    inside = bounds.of_box(poses, torch.zeros(3), 16 / 0.33)
    assert inside.near == pytest.approx(0.01 * inside.far)


def test_points_give_bounds_and_are_missed_by_wrong_ones():
    poses = torch.eye(3, 4)[None]
    points = torch.stack([torch.zeros(1001), torch.zeros(1001), -torch.linspace(1, 11, 1001)], 1)
    found = bounds.of_points(poses, points)
    assert (found.near, found.far) == pytest.approx((0.8 * 1.2, 1.2 * 10.8))
    views = {"train": [blender.View("a", Path("a"), replace(tabletop.cameras(1, 8)[0], pose=poses[0]))]}
    *_, remarks = bounds.framed(views, found, Given(far=6.0), points)
    assert any("50% of the reconstructed points" in line for line in remarks)


def test_cameras_that_look_outwards_are_bounded_by_their_spread():
    cameras = tabletop.cameras(12, 8)
    flip = torch.diag(torch.tensor([-1.0, 1.0, -1.0]))
    poses = torch.stack([torch.cat([camera.pose[:, :3] @ flip, camera.pose[:, 3:]], 1) for camera in cameras])
    found = bounds.of_cameras(poses, opaque=True)
    assert "how far the cameras are from each other" in found.source and found.far > 10 * found.near


@pytest.fixture(scope="module")
def indoors(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("room")
    room.make(path, count=18, width=32, near=0.5, far=12.0)
    return path


def test_the_coarse_stage_learns_a_room_over_black(indoors: Path):
    """At first no sample weighs enough for its colour to be computed at the usual threshold, and black has no gradient."""
    changes = dict(coarse_steps=60, steps=62, background=0.0, lr=0.8, doublings=0)
    run = lookup.build("dvgo", {**lookup.row("dvgo", "laptop"), **SMALL, "scene": str(indoors), **changes})
    run.stream.open()
    run.prepare()
    losses = []
    for record in fit(Training(run, fabric())):
        if record.step <= 60:
            losses.append(float(record.losses["field"]))
        messages = record.messages
        assert not any("no occupied space" in line for line in messages)
    assert losses[0] > 0.3 and sum(losses[-5:]) / 5 < 0.2
