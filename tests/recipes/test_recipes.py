import contextlib
import dataclasses
import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from darkroom.core import weights
from darkroom.core.errors import DarkroomError
from darkroom.core.method import Example
from darkroom.data.streams import batches
from darkroom.engine.fit import Training, fit
from darkroom.engine.prepare import open_data, prepare
from darkroom.recipes import lookup, trained
from darkroom.recipes.ranges import SETTINGS
from darkroom.recipes.settings import arguments, defaults
from darkroom.workflows.options import RunOptions
from darkroom.workflows.train import train
from tests.engine.toys import fabric

LAPTOP = [(name, row) for name in lookup.names() for row in lookup.find(name).ROWS if row.startswith("laptop")]

BUILT = {(name, row): lookup.build(name, lookup.row(name, row)) for name, row in LAPTOP}
SLOW = {
    ("gan_ebm", "laptop"),  # its generator's loss is judged by a discriminator that learns meanwhile
    ("nafnet", "laptop"),  # its residuals begin with weight 0, and 24 steps are fewer than they need
    ("simsiam", "laptop"),  # its loss is not comparable before running statistics are
}
"""Rows whose loss need not fall within so few steps."""

STEPS = {"photographs": 40}
"""Steps within which a recipe's loss falls; 24 for all others."""

LONG = {"dvgo", "instant_ngp", "nerf", "deblurgan"}
"""Recipes whose laptop row, and all whose further ones, are long tests; the short form is `test_other_device`."""

TRAINED = [key for key, run in BUILT.items() if run.method.networks() and run.initial is None]


def test_every_recipe_has_a_laptop_row():
    assert {name for name, _ in LAPTOP} == set(lookup.names())


@pytest.mark.parametrize(("name", "row"), [(name, row) for name in lookup.names() for row in lookup.find(name).ROWS])
def test_every_row_builds_without_data(name: str, row: str, monkeypatch):
    monkeypatch.setenv("DARKROOM_DATA", "/nowhere")
    recipe = lookup.find(name)
    run = lookup.build(name, lookup.row(name, row))
    assert set(run.method.networks()) == set(run.optimizers)
    assert set(lookup.published(name)) <= set(recipe.ROWS)
    assert not run.validation.optional
    for published in lookup.published(name).get(row, []):
        assert any(
            evaluation.name == published.dataset
            and evaluation.variant == published.variant
            and published.metric in {metric.name for metric in evaluation.metrics}
            for evaluation in run.evaluations
        ), published


@pytest.mark.parametrize("name", lookup.names())
def test_every_option_is_documented_once(name: str):
    recipe = lookup.find(name).recipe
    documented = inspect.getdoc(recipe)
    for parameter in inspect.signature(recipe).parameters.values():
        assert f"{parameter.name}:" in documented
        if dataclasses.is_dataclass(parameter.default):
            source = inspect.getsource(type(parameter.default))
            for field in dataclasses.fields(parameter.default):
                assert re.search(rf'    {field.name}: .*\n    """\w', source), f"{field.name} of {type(parameter.default)}"
    assert defaults(recipe)  # no name twice


@pytest.mark.parametrize(("name", "row"), TRAINED)
def test_weights_depend_on_the_seed_and_on_nothing_else(name: str, row: str):
    def built(seed: int, disturbance: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(disturbance)
        return lookup.build(name, {**lookup.row(name, row), "seed": seed}).method.state_dict()

    first, again, other = built(3, 0), built(3, 1), built(4, 0)
    assert all(torch.equal(tensor, again[key]) for key, tensor in first.items())
    drawn = [key for key, tensor in first.items() if tensor.ndim in (2, 4) and len(tensor.unique()) > 2]
    assert drawn or name == "dvgo"  # whose grids begin as constants
    assert not any(torch.equal(first[key], other[key]) for key in drawn)


def _marked(key: tuple[str, str]) -> Any:
    return pytest.param(*key, marks=pytest.mark.long) if key[0] in LONG or key[1] != "laptop" else key


@pytest.mark.parametrize(("name", "row"), [_marked(key) for key in TRAINED if key not in SLOW])
def test_a_laptop_row_trains(name: str, row: str, tmp_path: Path):
    steps = STEPS.get(name, 24)
    run, _ = open_data(dataclasses.replace(lookup.build(name, lookup.row(name, row)), steps=steps))
    prepare(run, tmp_path)
    several = run.method.batches_per_step
    seen = [run.stream.on_device(batch) for batch in batches(run.stream, 0, steps) for _ in range(several)]

    def loss() -> float:
        """Of the first network; of a generator and a discriminator, the generator's."""
        name = next(iter(run.method.networks()))
        given = seen if several == 1 else [seen[start : start + several] for start in range(0, len(seen), several)]
        with torch.no_grad() if several == 1 else contextlib.nullcontext():  # a penalty needs gradients
            found = [float(loss) for batch in given for network, loss in run.method.eval().losses(batch, 0) if network == name]
        return sum(found)

    before = loss()
    list(fit(Training(run, fabric())))
    assert loss() < before - 0.002 * abs(before)


def test_weights_become_a_network_again(tmp_path: Path):
    settings = {**lookup.row("dncnn", "laptop_photo"), "width": 5, "depth": 3}
    run = lookup.build("dncnn", settings)
    torch.nn.init.normal_(run.network.layers[-1].weight)
    header = lookup.header("dncnn", "laptop_photo", settings, run)
    weights.save(tmp_path / "w.safetensors", run.method.state_dict(), json.loads(json.dumps(header)))
    assert trained.kind_of(tmp_path / "w.safetensors") == "restoration"
    again = trained.network(tmp_path / "w.safetensors")
    x = torch.rand(1, 3, 9, 9)
    assert torch.equal(again(x), run.method.eval().predict(Example(x, x)))


def test_mistakes_are_one_line(tmp_path: Path):
    for call, words in [
        (lambda: lookup.find("dncn"), "no recipe 'dncn'; there are"),
        (lambda: lookup.find("lookup"), "no recipe 'lookup'"),
        (lambda: lookup.row("dncnn", "s26"), "no row 's26'; there are s15"),
        (lambda: lookup.build("dncnn", {"colour": 1}), "no setting colour"),
        (lambda: trained.network(tmp_path / "nothing.pth"), "no weights file"),
        (lambda: trained.network(tmp_path), "not a run.s folder"),
    ]:
        with pytest.raises(DarkroomError, match=words):
            call()
    weights.save(tmp_path / "w.safetensors", {"x": torch.zeros(1)}, {"recipe": "dncnn", "settings": {}})
    with pytest.raises(DarkroomError, match="does not fit its own recipe"):
        trained.network(tmp_path / "w.safetensors")
    weights.save(tmp_path / "v.safetensors", {"x": torch.zeros(1)}, {"recipe": "os.system", "settings": {}})
    with pytest.raises(DarkroomError, match="trained by the recipe os.system, which is not part of Darkroom: add --recipe"):
        trained.network(tmp_path / "v.safetensors")
    weights.save(tmp_path / "s.safetensors", {"x": torch.zeros(1)}, {"recipe": "dvgo", "kind": "scene", "settings": {}})
    with pytest.raises(DarkroomError, match="holds a scene, not a network that restores images"):
        trained.network(tmp_path / "s.safetensors")


def test_the_loss_follows_the_noise_of_the_targets():
    x, y = torch.full((1, 3, 32, 32), 0.25), torch.full((1, 3, 32, 32), 0.75)
    found = {}
    for noise in ("gaussian", "text", "impulse"):
        for targets in ("noisy", "clean"):
            settings = {**lookup.row("noise2noise", "laptop"), "noise": noise, "targets": targets, "width": 2}
            method = lookup.build("noise2noise", settings).method.eval()
            with torch.no_grad():
                ((_, loss),) = method.losses(Example(x, y), settings["steps"] // 2)  # before training, the prediction is x
            found[noise, targets] = round(loss.item(), 4)
    assert found == {
        ("gaussian", "noisy"): 0.25, ("gaussian", "clean"): 0.25,
        ("text", "noisy"): 0.5, ("text", "clean"): 0.25,
        ("impulse", "noisy"): 0.5, ("impulse", "clean"): 0.25,
    }  # fmt: skip


def test_settings_are_flat_and_arguments_nested():
    recipe = lookup.find("dncnn").recipe
    given = arguments(recipe, {"sigma": [0.0, 55.0], "lr": 1.0, "patch_size": 7, "milestones": [0.5]})
    assert given["sigma"] == (0.0, 55.0)
    assert (given["optimization"].lr, given["optimization"].milestones, given["optimization"].steps) == (1.0, (0.5,), 80_000)
    assert (given["data"].patch_size, given["data"].train_set) == (7, "bsds500")
    with pytest.raises(DarkroomError, match="no setting rate; there are sigma"):
        arguments(recipe, {"rate": 1})


def test_every_numerical_setting_has_a_range():
    for name in lookup.names():
        for setting, value in defaults(lookup.find(name).recipe).items():
            first = value[0] if isinstance(value, tuple) and value else value
            if isinstance(first, int | float) and not isinstance(first, bool):
                assert setting in SETTINGS, f"{setting} of {name}"


@pytest.mark.parametrize("change", [{"steps": 0}, {"lr": float("nan")}, {"sigma": (0.0, -1.0)}, {"clip": -1.0}, {"ema": 1.0}])
def test_a_number_outside_its_range_is_refused(change: dict[str, object], tmp_path: Path):
    with pytest.raises(DarkroomError, match=f"^--{next(iter(change))} .*: must be "):
        lookup.build("dncnn", {**lookup.row("dncnn", "laptop"), **change})
    with pytest.raises(DarkroomError, match=f"^--{next(iter(change))} .*: must be "):
        train("dncnn", "laptop", options=RunOptions(out=tmp_path / "runs", accelerator="cpu"), **change)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("change", [{"workers": -1}, {"workers": 10**6}, {"devices": 0}, {"threads": 0}, {"save_every": -1.0}])
def test_run_options_are_checked(change: dict[str, object]):
    with pytest.raises(DarkroomError, match="must be"):
        RunOptions(**change)


@pytest.mark.parametrize(
    ("recipe", "row", "changes", "expected"),
    [
        ("dncnn", "s25", dict(lr=1e-4, steps=10), {}),
        ("dncnn", "s25", dict(quantised=True, steps=10), {"bsd68": ["quantised=True"]}),
        ("dncnn", "s25", dict(noise_conditional=True), {"bsd68": ["noise_conditional=True"]}),
        ("dncnn", "laptop", dict(color=False), {"embedded-heldout": ["color=False"]}),
        (
            "dvgo",
            "lego",
            dict(image_width=200, lr=0.2),
            {"lego": ["image_width=200"], "lego, training views": ["image_width=200"]},
        ),
        ("sun_deblurring", "hqs", dict(boundary="circular"), {"sun80": ["boundary=circular"]}),
    ],
)
def test_settings_that_change_the_protocol_are_found(recipe: str, row: str, changes: dict, expected: dict):
    settings = {**lookup.row(recipe, row), **changes}
    described = lookup.describe(recipe, row, settings, lookup.build(recipe, settings))
    assert described.protocol_changes == expected
    assert dict(described.changed) == changes


OUTSIDE = '''
"""My own network: three lines of description."""
from darkroom.recipes.dncnn import recipe as dncnn

ROWS = {"laptop": dict(depth=3)}


def recipe(depth: int = 5, seed: int = 0):
    """A small DnCNN.

    Args:
        depth: Convolutions.
        seed: Of weights.
    """
    return dncnn(depth=depth, width=4, seed=seed, color=True)
'''


def test_a_recipe_outside_the_package(tmp_path: Path):
    file = tmp_path / "outside_recipe_of_a_test.py"
    file.write_text(OUTSIDE)
    settings = lookup.row(str(file), "laptop")
    run = lookup.build(str(file), settings)
    assert settings == {"depth": 3, "seed": 0}
    assert run.network.halo == 3
    header = lookup.header(str(file), "laptop", settings, run)
    assert header["recipe"] == "outside_recipe_of_a_test"
    weights.save(tmp_path / "w.safetensors", run.method.state_dict(), header)
    lookup._OUTSIDE.clear()
    with pytest.raises(DarkroomError, match=r"add --recipe outside_recipe_of_a_test\.py"):
        trained.network(tmp_path / "w.safetensors")
    assert trained.network(tmp_path / "w.safetensors", str(file)).halo == 3
    (tmp_path / "dncnn.py").write_text(OUTSIDE)
    with pytest.raises(DarkroomError, match="rename it"):
        lookup.find(str(tmp_path / "dncnn.py"))
    (tmp_path / "nothing.py").write_text("x = 1")
    with pytest.raises(DarkroomError, match="is not a recipe"):
        lookup.find(str(tmp_path / "nothing.py"))
