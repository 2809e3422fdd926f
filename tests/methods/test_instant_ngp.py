"""Hash grids on a few small views: they learn, resume exactly, and say what is wrong with their box."""

import copy
from dataclasses import replace

import pytest
import torch

from darkroom.core.errors import DarkroomError
from darkroom.engine.fit import Training, fit
from darkroom.engine.run import Run
from darkroom.metrics.fidelity import psnr
from darkroom.radiance import tabletop
from darkroom.recipes import lookup
from tests.engine.toys import fabric

SMALL = dict(
    levels=4, log2_rows=10, finest=48, width=16, ray_steps=48, cells=12, occupancy_warmup=8, samples_per_step=1500, batch_size=256,
    steps=40,
)  # fmt: skip
CAMERA = tabletop.cameras(1, 12)[0]


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("scene") / "table"
    tabletop.write(path, views=8, size=20, held_out=2)
    return str(path)


def opened(scene: str, *, fresh: bool = True, **changes) -> Run:
    run = lookup.build("instant_ngp", {**lookup.row("instant_ngp", "laptop"), **SMALL, "scene": scene, **changes})
    run.stream.open()
    if fresh:
        run.prepare()
    return run


def score(run: Run) -> float:
    evaluation = run.evaluations[0].with_metrics((psnr,))
    return evaluation.evaluate(evaluation.predictor(run.method.eval()), torch.device("cpu")).scores["psnr"].value


def test_held_out_views_are_learned(scene: str):
    run = opened(scene, steps=120)
    before = score(run)
    list(fit(Training(run, fabric())))
    assert score(run) > before + 2
    assert run.method.occupancy.fraction() < 0.8


def assert_same(one, other, where: str = "") -> None:
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where


@pytest.mark.parametrize("changes", [{}, dict(unbounded=True, cone=0.05)])
def test_a_run_resumes_exactly(changes: dict[str, object], scene: str):
    """Tables, moments, average, occupancy, its running maximum and the number of rays are state; the box is, too."""
    training, states = Training(opened(scene, **changes), fabric()), {}
    for record in fit(training):
        if record.step in (5, 17, 33, 40):
            states[record.step] = copy.deepcopy(training.state_dict())
    assert int(states[40]["method"]["budget.rays"]) != int(states[5]["method"]["budget.rays"])
    for stop in (5, 17, 33):
        resumed = Training(opened(scene, fresh=False, **changes), fabric(), copy.deepcopy(states[stop]))
        list(fit(resumed))
        found = resumed.state_dict()
        for part in ("method", "optimizers", "ema"):
            assert_same(states[40][part], found[part], part)


def test_a_state_renders_without_the_scene(scene: str):
    run = opened(scene)
    list(fit(Training(run, fabric())))
    loaded = lookup.build("instant_ngp", {**lookup.row("instant_ngp", "laptop"), **SMALL, "scene": "/nowhere"}).method
    loaded.load_state_dict(run.method.state_dict())
    for mine, theirs in zip(loaded.eval().view(CAMERA), run.method.eval().view(CAMERA), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_a_box_that_is_too_small_is_reported_with_the_fraction_of_rays(scene: str):
    run = opened(scene, extent=0.2)
    first = next(iter(fit(Training(run, fabric()))))
    assert any("% of the rays that see something miss the box: enlarge it with --extent" in line for line in first.messages)
    assert not next(iter(fit(Training(opened(scene), fabric())))).messages


def test_a_box_that_no_ray_meets_is_refused(scene: str):
    run = opened(scene, fresh=False)
    found = run.stream.find()
    away = torch.tensor([0.0, 0.0, 50.0])
    run.method._box = lambda cameras: (away - 1, away + 1)
    with pytest.raises(DarkroomError, match="no training ray .* meets the box"):
        run.method.prepare(found)


def test_an_empty_field_is_reported_and_trained_on(scene: str):
    run = opened(scene)
    with torch.no_grad():
        run.method.tables.encoding.rows.zero_()
        run.method.tables.density_network.layers[-1].weight[0] = 0.0
    run.method.tables.density_in_cube = lambda unit: (torch.zeros(len(unit)), torch.zeros(len(unit), 16))
    run.method.after_step(0)
    assert any("transparent everywhere" in line for line in run.method.messages())
    assert run.method.occupancy.fraction() == 1


def test_empty_space_and_hidden_samples_do_not_change_the_image(scene: str):
    run = opened(scene, steps=30)
    list(fit(Training(run, fabric())))
    method = run.method.eval()
    rays = method.space.rays(CAMERA.intrinsics, CAMERA.pose, 12, 12)
    colour, count = method.render(rays).colour, len(method.render(rays).samples.t)
    method.occupancy.fill()
    samples = method.samples(rays)
    dense = method.field(rays, samples, method.background)
    assert count <= len(samples.t)
    assert float((dense.colour - colour).abs().mean()) < 0.02


def test_from_farther_away_the_scene_is_as_opaque(scene: str):
    run = opened(scene, steps=30)
    list(fit(Training(run, fabric())))
    method = run.method.eval()
    back = torch.cat([CAMERA.pose[:, :3], (2 * CAMERA.centre - method.space.centre)[:, None]], 1)
    far = replace(CAMERA, pose=back, fx=2 * CAMERA.fx, fy=2 * CAMERA.fy)
    middle = [float(method.view(camera)[2][0, 5:7, 5:7].mean()) for camera in (CAMERA, far)]
    assert abs(middle[0] - middle[1]) < 0.1
