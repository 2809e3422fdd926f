"""What happens before the first step, and only then."""

import dataclasses
from pathlib import Path

import pytest
import torch

from darkroom.core import weights
from darkroom.core.errors import DarkroomError
from darkroom.core.pretrained import VGG16, Pretrained
from darkroom.data.embedded import embedded
from darkroom.data.image_set import ImageSet
from darkroom.engine.describe import RowDescription, describe
from darkroom.engine.prepare import open_data, prepare
from darkroom.engine.run import InitialWeights
from darkroom.metrics.distribution import fid
from darkroom.recipes import lookup
from tests.engine.toys import denoising_run, evaluation, fabric


def missing(name: str) -> ImageSet:
    def find() -> dict[str, Path]:
        raise DarkroomError(f"{name} is not there: get it")

    return ImageSet(name, find)


def test_an_optional_evaluation_without_data_is_skipped_and_that_is_said():
    absent = evaluation(missing("rare"))
    absent.optional = True
    run, messages = open_data(dataclasses.replace(denoising_run(), evaluations=[evaluation(), absent]))
    assert len(run.evaluations) == 1
    assert messages == ["not evaluated on rare: rare is not there: get it"]
    absent.optional = False
    with pytest.raises(DarkroomError, match="rare is not there"):
        open_data(dataclasses.replace(denoising_run(), evaluations=[absent]))


def test_a_metric_without_its_features_is_skipped_and_that_is_said(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    settings = lookup.row("dvgo", "laptop")
    for present in (False, True):
        if present:
            VGG16.path().parent.mkdir(parents=True)
            VGG16.path().touch()
            monkeypatch.setattr(Pretrained, "fault", lambda self, path: "")
        run, messages = open_data(lookup.build("dvgo", settings))
        assert all(("lpips_vgg" in [metric.name for metric in e.metrics]) == present for e in run.evaluations)
        assert [line.split(":")[0] for line in messages] == ([] if present else ["not evaluated by LPIPS vgg"])


def test_a_training_is_validated_by_the_metrics_whose_weights_are_there(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    toy = denoising_run()
    run, messages = open_data(
        dataclasses.replace(toy, validation=toy.validation.with_metrics([*toy.validation.metrics, fid()]))
    )
    assert run.validation.metrics == toy.validation.metrics
    assert [line.split(":")[0] for line in messages] == ["not validated by FID"]
    with pytest.raises(DarkroomError, match="cannot be validated: not validated by FID: "):
        open_data(dataclasses.replace(toy, validation=toy.validation.with_metrics([fid()])))


def test_requirements_are_looked_up_and_preparation_is_separate(tmp_path: Path):
    calls: list[str] = []
    run = dataclasses.replace(
        denoising_run(), requires=[lambda: calls.append("require")], prepare=lambda: calls.append("prepare")
    )
    run, _ = open_data(run)
    assert calls == ["require"]
    prepare(run, tmp_path)
    assert calls == ["require", "prepare"]


def test_a_row_starts_from_the_final_weights_of_another(tmp_path: Path):
    other, run = denoising_run(), denoising_run()
    torch.nn.init.normal_(other.network.layers[0].weight)
    run = dataclasses.replace(run, initial=InitialWeights("dncnn", "s15", run.network))
    with pytest.raises(DarkroomError, match="train it first with `darkroom train dncnn s15`"):
        prepare(run, tmp_path)
    weights.save(tmp_path / "dncnn/s15/checkpoints/final.safetensors", other.method.state_dict(), {})
    prepare(run, tmp_path)
    assert torch.equal(run.network.layers[0].weight, other.network.layers[0].weight)
    weights.save(tmp_path / "dncnn/s15/checkpoints/final.safetensors", {"network.x": torch.zeros(1)}, {})
    with pytest.raises(DarkroomError, match="do not fit this network"):
        prepare(run, tmp_path)


def test_test_images_in_the_training_set_are_counted_by_content(tmp_path: Path):
    row = RowDescription("toy", "row", "Title.\n\nMore.", 0, {})
    for test, expected in ((embedded("heldout"), []), (embedded("train").first(2), ["chelsea", "china"])):
        renamed = ImageSet("other name", lambda test=test: {f"{name}-renamed": path for name, path in test.find().items()})
        run, _ = open_data(denoising_run(evaluations=[evaluation(renamed)]))
        record = describe(run, row, fabric(), command="", precision="32-true", threads=1)
        assert record.evaluations[0].overlap == [f"{name}-renamed" for name in expected]
        assert (record.title, record.description) == ("Title.", "More.")
