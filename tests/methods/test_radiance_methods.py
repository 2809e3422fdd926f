"""NeRF and voxel grids on a few small views: they learn, they resume across stages, they notice collapse."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from darkroom.core.errors import DarkroomError
from darkroom.engine.fit import Training, fit
from darkroom.engine.run import Run
from darkroom.methods.dvgo import DirectVoxelGrid, Stage
from darkroom.radiance import tabletop
from darkroom.radiance.occupancy import OccupancyGrid
from darkroom.recipes import lookup
from tests.engine.toys import fabric

DVGO = dict(
    voxels=20,
    coarse_voxels=24,
    coarse_steps=30,
    steps=70,
    doublings=2,
    features=4,
    width=8,
    batch_size=512,
    lr=0.5,
    occupancy_threshold=1e-3,
)
NERF = dict(width=32, depth=3, skip=2, samples=(16, 16), batch_size=256, steps=60, lr=5e-3, centre_crop=0)


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("scene") / "table"
    tabletop.write(path, views=12, size=24, held_out=2)
    return str(path)


def settings(recipe: str, scene: str, **changes) -> dict:
    return {**lookup.row(recipe, "laptop"), **{"dvgo": DVGO, "nerf": NERF}[recipe], "scene": scene, **changes}


def opened(recipe: str, scene: str, *, fresh: bool = True, **changes) -> Run:
    """A run with its data, prepared unless it is to be resumed."""
    run = lookup.build(recipe, settings(recipe, scene, **changes))
    run.stream.open()
    if fresh:
        run.prepare()
    return run


def budgeted(run: Run, samples: int) -> Run:
    """The run with a budget of samples per step."""
    old = run.method
    method = DirectVoxelGrid(
        old.space,
        *old.stages,
        step=old.step,
        seed=old.seed,
        occupancy_interval=old.occupancy_interval,
        occupancy_threshold=old.occupancy_threshold,
        samples_per_step=samples,
    )
    if len(old.space.poses):
        method.prepare(run.stream.find())
    return replace(run, method=method)


def psnr(run: Run, predictor) -> float:
    return run.validation.evaluate(predictor, torch.device("cpu")).scores["psnr"].value


@pytest.fixture(scope="module")
def trained(scene: str) -> Run:
    """A voxel grid after 180 steps, for tests that only look at it."""
    run = opened("dvgo", scene, steps=180, occupancy_interval=50)
    list(fit(Training(run, fabric())))
    run.method.eval()
    return run


def test_held_out_views_are_rendered_better_than_by_the_nearest_photograph(trained: Run):
    evaluation = trained.evaluations[0]
    assert psnr(trained, evaluation.predictor(trained.method)) > psnr(trained, evaluation.baselines["nearest photograph"])


@pytest.mark.parametrize("recipe", ["dvgo", "nerf"])
def test_held_out_views_are_learned(recipe: str, scene: str, trained: Run):
    before = opened(recipe, scene)
    after = trained
    if recipe == "nerf":
        after = opened("nerf", scene, steps=250)
        list(fit(Training(after, fabric())))
    scores = [psnr(run, run.evaluations[0].predictor(run.method.eval())) for run in (before, after)]
    assert scores[1] > scores[0] + 5


def assert_same(expected: dict, got: dict) -> None:
    assert set(expected["method"]) == set(got["method"])
    for name, tensor in expected["method"].items():
        assert torch.equal(tensor, got["method"][name]), name
    for number, state in expected["optimizers"]["field"]["state"].items():
        for key, tensor in state.items():
            assert torch.equal(tensor, got["optimizers"]["field"]["state"][number][key]), (number, key)


STOPS = (10, 20, 29, 30, 31, 36, 45, 50)
CAMERA = tabletop.cameras(1, 16)[0]


def trained_with_stops(run: Run, stops: tuple[int, ...] = STOPS) -> tuple[dict[int, dict], dict[int, torch.Tensor], list[str]]:
    """States and renderings at some steps (0 before training) and at the end, and all messages."""
    training, messages = Training(run, fabric()), []
    states, views = {}, {}

    def keep() -> None:
        states[training.step] = copy.deepcopy(training.state_dict())
        with training.evaluating() as method:
            views[training.step] = method.view(CAMERA)

    keep()
    for record in fit(training):
        messages += record.messages
        if record.step in (*stops, run.steps):
            keep()
    return states, views, messages


@pytest.fixture(scope="module")
def kept(scene: str) -> dict[str, tuple[dict, dict, list[str]]]:
    return {recipe: trained_with_stops(opened(recipe, scene)) for recipe in ("dvgo", "nerf")}


def test_stages_and_growth_are_reported(kept):
    messages = kept["dvgo"][2]
    assert "fine stage" in messages[0]
    assert [line.split(" to ")[0] for line in messages[1:]] == ["the grid grows"] * 2


@pytest.mark.parametrize("stop", [10, 29, 30, 31, 36, 50])
def test_a_grid_resumes_exactly_across_stages_and_growth(stop: int, scene: str, kept):
    """Stage change after step 30, growth after 34 and 38. The resumed run is not prepared: its state holds everything."""
    states, _, _ = kept["dvgo"]
    resumed = Training(opened("dvgo", scene, fresh=False), fabric(), copy.deepcopy(states[stop]))
    list(fit(resumed))
    assert_same(states[70], resumed.state_dict())


@pytest.mark.parametrize("recipe", ["dvgo", "nerf"])
@pytest.mark.parametrize("stop", [0, 20, 45])
def test_a_state_restores_what_was_prepared(recipe: str, stop: int, kept):
    """Space, box, learning rates by view counts and grid sizes, without `prepare` and without the scene."""
    states, views, _ = kept[recipe]
    loaded, state = lookup.build(recipe, settings(recipe, "/nowhere")).method, states[stop]["method"]
    loaded.load_state_dict(copy.deepcopy(state))
    found = loaded.state_dict()
    assert set(found) == set(state)
    assert all(torch.equal(tensor, state[name]) for name, tensor in found.items())
    assert len(loaded.space.poses) == 12 and (loaded.space.near, loaded.space.far) == (2.0, 6.0)
    if recipe == "dvgo":
        field = loaded.grids
        assert float(field.low.abs().max()) > 1.01  # not the box of a new method
        assert len(field.density_rows) == int(field.size.prod())
        assert len(field.lr_scales) == (0 if stop == 45 else len(field.density_rows))
    for mine, theirs in zip(loaded.eval().view(CAMERA), views[stop], strict=True):
        torch.testing.assert_close(mine, theirs)


def test_a_stage_grows_in_its_first_fifth():
    """The paper's: 160 voxels a side after 20,000 steps, doubled after 1, 2, 3 and 4 thousand."""
    stage = Stage(20_000, 160**3, 4)
    grown = {step: stage.grows_to(step) for step in range(20_000) if stage.grows_to(step) is not None}
    assert grown == {0: 160**3 // 16, 1000: 160**3 // 8, 2000: 160**3 // 4, 3000: 160**3 // 2, 4000: 160**3}


def test_voxels_that_at_most_two_views_see_are_not_updated(scene: str):
    run = opened("dvgo", scene)
    field = run.method.grids
    frozen = field.lr_scales == 0
    assert 0 < int(frozen.sum()) < len(field.lr_scales)
    assert float(field.lr_scales.max()) == 1
    before = field.density_rows[frozen].clone()
    for record in fit(Training(run, fabric())):
        if record.step == 20:
            break
    now = run.method.grids.density_rows
    assert torch.equal(now[frozen], before)
    assert not torch.equal(now[~frozen], torch.zeros_like(now[~frozen]))


def test_two_views_are_too_few_for_a_grid(tmp_path: Path):
    tabletop.write(tmp_path / "two", views=2, size=16, held_out=1)
    with pytest.raises(DarkroomError, match="more than two of its 2 training views"):
        opened("dvgo", str(tmp_path / "two"))


def test_a_transparent_grid_is_reported_and_trained_on(scene: str):
    run = opened("dvgo", scene, occupancy_threshold=0.9999999)
    messages = [line for record in fit(Training(run, fabric())) for line in record.messages]
    assert any("found no occupied space" in line for line in messages)
    assert any("transparent everywhere" in line for line in messages)
    assert run.method.occupancy.fraction() == 1


def test_empty_space_is_not_sampled_and_does_not_change_the_image(trained: Run):
    """The rendering with the occupancy grid equals that of all samples in the box, from fewer samples."""
    method, camera = trained.method, tabletop.cameras(1, 24)[0]
    occupancy, field = method.occupancy, method.grids
    rays = method.space.rays(camera.intrinsics, camera.pose, 24, 24)
    count, colour = len(method.samples(rays).t), method.view(camera)[0]
    method.occupancy = OccupancyGrid(field.low, field.high, field.size.tolist())
    try:
        assert count < 0.8 * len(method.samples(rays).t)
        torch.testing.assert_close(method.view(camera)[0], colour, atol=0.04, rtol=0)
    finally:
        method.occupancy = occupancy


def test_a_collapsed_field_is_initialised_again(scene: str):
    run = opened("nerf", scene)
    run.method.collapse_check = 5
    with torch.no_grad():
        for network in (run.method.coarse, run.method.fine):
            network.field.sigma.bias.fill_(-100.0)
    training = Training(run, fabric())
    messages = {record.step: record.messages for record in fit(training) if record.messages}
    assert list(messages) == [5]
    assert "initialised again, start 2" in messages[5][0]
    assert int(run.method.starts) == 2
    assert float(run.method.opacity) > 1e-3


def test_a_restart_is_part_of_the_state(scene: str):
    """A run that is resumed after a restart does not check for collapse at the old step again, and does at the next."""
    run = opened("nerf", scene)
    run.method.starts.fill_(3)
    loaded = opened("nerf", scene, fresh=False).method
    loaded.load_state_dict(run.method.state_dict())
    loaded.opacity = torch.tensor(0.0)
    assert loaded.after_step(loaded.collapse_check - 1) == ()
    assert loaded.after_step(3 * loaded.collapse_check - 1) == ("coarse", "fine")


def test_noise_and_jitter_are_for_training_only(scene: str):
    run = opened("nerf", scene, noise=1.0)
    camera = tabletop.cameras(1, 12)[0]
    one, other = (run.method.eval().view(camera)[0] for _ in "ab")
    assert torch.equal(one, other)


def test_the_number_of_rays_follows_a_budget_of_samples(scene: str):
    """A ray takes 32 samples in the coarse stage: of 512 rays that are drawn, 4000 samples are 125, rounded down to 112."""
    run = budgeted(opened("dvgo", scene), 4000)
    used, cost, march = {}, {}, run.method.samples

    def counted(rays):
        found = march(rays)
        if run.method.training:
            used[len(used)], cost[len(cost)] = found.rays, len(found.t)
        return found

    run.method.samples = counted
    states, _, _ = trained_with_stops(run)
    assert used[0] == used[15] == 512
    assert used[16] == used[29] == 112
    assert all(abs(cost[step] - 4000) < 800 for step in range(16, 30))
    assert len({used[step] for step in range(30, 70)}) > 1
    for stop in (10, 20, 36, 45):
        resumed = Training(budgeted(opened("dvgo", scene, fresh=False), 4000), fabric(), copy.deepcopy(states[stop]))
        list(fit(resumed))
        assert_same(states[70], resumed.state_dict())


def test_from_farther_away_the_scene_is_smaller_and_not_cut_off(trained: Run):
    """At twice the distance with twice the focal length the scene is as large, and as opaque in the middle of the image."""
    method, camera = trained.method, tabletop.cameras(1, 24)[0]
    back = torch.cat([camera.pose[:, :3], (2 * camera.centre - method.space.centre)[:, None]], 1)
    far = replace(camera, pose=back, fx=2 * camera.fx, fy=2 * camera.fy)
    for each in (camera, far):
        assert float(method.view(each)[2][0, 10:14, 10:14].mean()) > 0.9
