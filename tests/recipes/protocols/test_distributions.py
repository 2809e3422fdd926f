import hashlib
import json
from pathlib import Path

import pytest
import torch

from darkroom.core import weights
from darkroom.core.errors import DarkroomError
from darkroom.core.metric import ComparedSets
from darkroom.metrics.features import Features
from darkroom.recipes import lookup
from darkroom.recipes.protocols.distributions import DistanceOptions, trained_features, trained_frechet_distance

CPU = torch.device("cpu")


def save(path: Path, recipe: str, row: str) -> Path:
    settings = lookup.row(recipe, row)
    run = lookup.build(recipe, settings)
    header = json.loads(json.dumps(lookup.header(recipe, row, settings, run)))
    weights.save(path, run.method.state_dict(), header)
    return path


def test_without_options_there_is_a_distance_that_needs_nothing(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    options = DistanceOptions()
    assert [metric.name for metric in options.metrics()] == ["fid", "kid", "frechet_random"]
    assert [bool(metric.missing()) for metric in options.metrics()] == [True, True, False]
    assert not options.requirements() and not list(tmp_path.iterdir())


def test_inception_that_is_asked_for_is_required(tmp_path: Path):
    for given, words in (
        (tmp_path / "no.pth", "no weights of Inception"),
        (tmp_path / "other.pth", "is not Inception v3 of FID"),
    ):
        (tmp_path / "other.pth").write_bytes(b"other")
        (require,) = DistanceOptions(inception=str(given)).requirements()
        with pytest.raises(DarkroomError, match=words):
            require()


def test_features_of_a_network_trained_here(tmp_path: Path):
    path = save(tmp_path / "runs" / "supervised" / "laptop" / "checkpoints" / "final.safetensors", "supervised", "laptop")
    metric = trained_frechet_distance(str(path))
    assert (metric.name, metric.title) == ("frechet_supervised_laptop", "Fréchet (supervised/laptop)") and not metric.missing()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    assert metric.describe(ComparedSets(9, 9)).protocol == (
        f"features of the network supervised/laptop, trained here (weights {digest}), images at their own size; "
        "9 predictions against 9 images"
    )
    state = metric.accumulator(CPU)
    state.update(torch.rand(6, 1, 16, 16), torch.rand(6, 1, 16, 16) ** 2)
    assert state.compute().value > 0


def test_a_network_that_is_not_there_is_said_with_the_command(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    metric = DistanceOptions(feature_weights="supervised/laptop").metrics()[2]
    assert "train it first with `darkroom train supervised laptop`" in metric.missing()
    with pytest.raises(DarkroomError, match="train it first"):
        metric.accumulator(CPU)


def test_weights_without_features_are_refused(tmp_path: Path):
    path = save(tmp_path / "dncnn.safetensors", "dncnn", "laptop")
    assert "holds no network with features: take a run of kind backbone" in trained_features(str(path)).requires()
    assert isinstance(trained_features("a/b"), Features)
