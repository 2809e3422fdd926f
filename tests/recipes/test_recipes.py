import dataclasses
import inspect
import json
from pathlib import Path

import pytest
import torch

from darkroom.core import weights
from darkroom.core.errors import DarkroomError
from darkroom.core.method import Example
from darkroom.core.pretrained import VGG16
from darkroom.data.streams import batches
from darkroom.engine.fit import Training, fit
from darkroom.engine.train import prepared
from darkroom.recipes import lookup
from tests.engine.toys import fabric

LAPTOP = [(name, row) for name in lookup.names() for row in lookup.find(name).ROWS if row.startswith("laptop")]

TRAINED = [(name, row) for name, row in LAPTOP if lookup.build(name, lookup.row(name, row)).method.networks()]


def test_every_recipe_has_a_laptop_row():
    assert {name for name, _ in LAPTOP} == set(lookup.names())


@pytest.mark.parametrize(("name", "row"), [(name, row) for name in lookup.names() for row in lookup.find(name).ROWS])
def test_every_row_builds_without_data_and_documents_every_setting(name: str, row: str, monkeypatch):
    monkeypatch.setenv("DARKROOM_DATA", "/nowhere")
    recipe = lookup.find(name)
    settings = lookup.row(name, row)
    run = lookup.build(name, settings)
    assert set(run.method.networks()) == set(run.optimizers)
    words = inspect.getdoc(recipe.recipe)
    assert all(f"{setting}:" in words for setting in lookup.row(name, row))
    assert set(recipe.PUBLISHED) <= set(recipe.ROWS)
    assert not run.validation.optional
    for published in recipe.PUBLISHED.get(row, []):
        assert any(
            evaluation.images.name == published.dataset
            and dict(evaluation.variant) == dict(published.variant)
            and published.metric in {metric.name for metric in evaluation.metrics}
            for evaluation in run.evaluations
        ), published


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


@pytest.mark.parametrize(("name", "row"), TRAINED)
def test_a_laptop_row_trains(name: str, row: str):
    run, _ = prepared(dataclasses.replace(lookup.build(name, lookup.row(name, row)), steps=24))
    seen = [run.stream.arrived(batch) for batch in batches(run.stream, 0, 24)]

    def loss() -> float:
        with torch.no_grad():
            return sum(float(loss) for batch in seen for _, loss in run.method.eval().turns(batch, 0))

    before = loss()
    networks = dict(run.method.networks())
    list(fit(Training(run, fabric())))
    for network, bare in networks.items():
        setattr(run.method, network, bare)
    assert loss() < 0.998 * before


def test_a_metric_whose_features_are_not_there_is_left_out_and_that_is_said(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    settings = lookup.row("dvgo", "laptop")
    for there in (False, True):
        if there:
            VGG16.place().parent.mkdir(parents=True)
            VGG16.place().touch()
        run, said = prepared(lookup.build("dvgo", settings))
        assert all(("lpips_vgg" in [metric.name for metric in evaluation.metrics]) == there for evaluation in run.evaluations)
        assert [line.split(":")[0] for line in said] == ([] if there else ["not evaluated by LPIPS vgg"])


def test_weights_know_how_to_become_a_network_again(tmp_path: Path):
    settings = {**lookup.row("dncnn", "laptop_photo"), "width": 5, "depth": 3}
    run = lookup.build("dncnn", settings)
    torch.nn.init.normal_(run.restorer.layers[-1].weight)
    config = {"recipe": "dncnn", "row": "laptop_photo", "settings": settings}
    weights.save(tmp_path / "w.safetensors", run.method.state_dict(), json.loads(json.dumps(config)))
    again = lookup.network(tmp_path / "w.safetensors").eval()
    x = torch.rand(1, 3, 9, 9)
    assert torch.equal(again(x), run.method.eval().predict(Example(x, x)))


def test_mistakes_are_one_line(tmp_path: Path):
    for call, words in [
        (lambda: lookup.find("dncn"), "no recipe 'dncn'; there are"),
        (lambda: lookup.find("lookup"), "no recipe 'lookup'"),
        (lambda: lookup.row("dncnn", "s26"), "no row 's26'; there are s15"),
        (lambda: lookup.build("dncnn", {"colour": 1}), "no setting colour"),
        (lambda: lookup.network(tmp_path / "nothing.pth"), "no weights file"),
        (lambda: lookup.network(tmp_path), "no weights yet"),
    ]:
        with pytest.raises(DarkroomError, match=words):
            call()
    weights.save(tmp_path / "w.safetensors", {"x": torch.zeros(1)}, {"recipe": "dncnn", "settings": {}})
    with pytest.raises(DarkroomError, match="does not fit its own recipe"):
        lookup.network(tmp_path / "w.safetensors")
    weights.save(tmp_path / "v.safetensors", {"x": torch.zeros(1)}, {"recipe": "os.system", "settings": {}})
    with pytest.raises(DarkroomError, match="no recipe"):
        lookup.network(tmp_path / "v.safetensors")


def test_the_loss_follows_the_noise_of_the_targets():
    x, y = torch.full((1, 3, 32, 32), 0.25), torch.full((1, 3, 32, 32), 0.75)
    found = {}
    for noise in ("gaussian", "text", "impulse"):
        for targets in ("noisy", "clean"):
            settings = {**lookup.row("noise2noise", "laptop"), "noise": noise, "targets": targets, "width": 2}
            method = lookup.build("noise2noise", settings).method.eval()
            with torch.no_grad():
                ((_, loss),) = method.losses(Example(x, y), settings["steps"] // 2)  # before training, the answer is x
            found[noise, targets] = round(loss.item(), 4)
    assert found == {
        ("gaussian", "noisy"): 0.25, ("gaussian", "clean"): 0.25,
        ("text", "noisy"): 0.5, ("text", "clean"): 0.25,
        ("impulse", "noisy"): 0.5, ("impulse", "clean"): 0.25,
    }  # fmt: skip
