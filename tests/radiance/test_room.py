"""Photographs of a room over black: fields become visible, and what went wrong is said."""

from pathlib import Path

import pytest
import torch
from torch.utils.data import default_collate

from darkroom.core.errors import DarkroomError
from darkroom.engine.run import Run
from darkroom.methods.radiance import MIN_WEIGHT, min_weight
from darkroom.networks.voxel_field import VoxelField
from darkroom.radiance import tabletop
from darkroom.recipes import lookup
from tests.radiance import room

SETTINGS = {
    "dvgo": dict(voxels=16, coarse_voxels=20, coarse_steps=2, steps=4, doublings=1, features=4, width=8, batch_size=256),
    "instant_ngp": dict(levels=4, log2_rows=10, finest=48, width=16, ray_steps=48, cells=12, batch_size=256, steps=4),
    "nerf": dict(width=8, depth=2, skip=1, samples=(8, 8), batch_size=256, steps=4),
}


@pytest.fixture(scope="module")
def indoors(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("room")
    room.make(path, count=9, width=24, near=0.5, far=12.0)
    return path


def opened(recipe: str, indoors: Path, **changes) -> Run:
    row = {**lookup.row(recipe, "laptop"), "background": 0.0, **SETTINGS[recipe], "scene": str(indoors), **changes}
    run = lookup.build(recipe, {**row, "random_background": False})
    run.stream.open()
    run.prepare()
    return run


def batch(run: Run):
    return run.stream.on_device(default_collate([run.stream.sample(0, 0)]))


@pytest.mark.parametrize("recipe", ["dvgo", "instant_ngp"])
def test_a_new_field_over_black_is_seen_by_the_loss(recipe: str, indoors: Path):
    """Colours of its thin samples reach the image, so the loss would make it denser."""
    method = opened(
        recipe, indoors, **({"ray_steps": 40_000} if recipe == "instant_ngp" else {"entropy_weights": (0.0, 0.0)})
    ).method
    rays = batch(opened(recipe, indoors)).rays
    found = method._rendered(rays.subset(slice(4)), method.samples(rays.subset(slice(4))), 0.0)
    assert float(found.weights.detach().max()) < MIN_WEIGHT and len(found.visible) > 0
    assert float(found.colour.detach().max()) > 0.3 * float(found.opacity.detach().max())
    assert min_weight(1.0) == MIN_WEIGHT


@pytest.mark.parametrize("recipe", ["dvgo", "instant_ngp", "nerf"])
def test_a_training_goes_on_with_its_own_cameras_only(recipe: str, indoors: Path):
    run = opened(recipe, indoors)
    drawn = batch(run)
    next(iter(run.method.losses(drawn, 0)))
    moved = drawn._replace(rays=drawn.rays._replace(origins=drawn.rays.origins * 1.5 + 0.3))
    resumed = opened(recipe, indoors)
    with pytest.raises(DarkroomError, match="cameras are not those that this training began with"):
        next(iter(resumed.method.losses(moved, 1)))


def test_rays_that_miss_the_fine_box_are_reported_with_their_fraction(indoors: Path):
    method = opened("dvgo", indoors).method
    drawn = batch(opened("dvgo", indoors))
    next(iter(method.losses(drawn, 0)))
    assert not method.messages()
    method._begin(method._field(method.stages[0], torch.tensor([-0.2, -0.2, 4.0]), torch.tensor([0.2, 0.2, 5.0])))
    (line,) = method._about(drawn)
    assert "% of the rays that see something miss the box" in line and int(line.split("%")[0]) > 90


def test_a_grid_beyond_32_bit_addresses_is_one_line():
    with pytest.raises(DarkroomError, match=r"= 2,197,000,000 voxels is larger than 32-bit addresses reach: lower --voxels"):
        VoxelField(-torch.ones(3), torch.ones(3), 1300**3, base=1300**3)


def test_rates_follow_view_counts_around_an_object_and_not_in_a_room(indoors: Path, tmp_path: Path):
    """Around an object the opposite cameras are beyond far; in a room cameras see each other's places."""
    tabletop.write(tmp_path / "table", views=9, size=16, held_out=1)
    inside, around = (opened("dvgo", where).method.grids.lr_scales.unique() for where in (indoors, tmp_path / "table"))
    assert inside.tolist() == [0.0, 1.0]
    assert len(around) > 4 and float(around.max()) == 1
