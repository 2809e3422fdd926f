"""Segmentation from end to end: trained, evaluated, and then the measure of generated photographs."""

from pathlib import Path

import pytest
import torch

from darkroom.core.errors import DarkroomError
from darkroom.data.shapes import shapes
from darkroom.engine.folder import RunFolder
from darkroom.recipes.protocols.distributions import trained_frechet_distance
from darkroom.recipes.protocols.segmented import segmentation_score
from darkroom.report.collect import rows_below
from darkroom.report.table import tables_of
from darkroom.workflows.options import RunOptions
from darkroom.workflows.train import train

CPU, SIZE = torch.device("cpu"), (32, 48)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunFolder:
    options = RunOptions(out=tmp_path_factory.mktemp("runs"), accelerator="cpu", precision="32", threads=1)
    return train("segmentation", "laptop", options=options, size=SIZE, patch_size=32, batch_size=4, steps=3)


def test_the_ceiling_of_generated_photographs_is_the_networks_own_score(run: RunFolder):
    assert (
        "labelled by segmentation/laptop at 32x48"
        in segmentation_score(shapes("heldout", SIZE), "shapes", SIZE, str(run.path)).protocol()
    )
    own = {result.metric: result.value for result in run.read_results() if result.method == "ours"}
    evaluation = segmentation_score(shapes("heldout", SIZE), "shapes", SIZE, str(run.path))
    evaluation.open()
    scores = evaluation.evaluate(evaluation.baselines["photographs"], CPU).scores
    assert {name: score.value for name, score in scores.items()} == pytest.approx(own)
    assert 0 <= own["mean_iou"] <= own["pixel_accuracy"] <= 1


def test_its_numbers_are_in_the_column_of_generated_photographs(run: RunFolder):
    (table,) = tables_of(rows_below([run.path])[0])
    assert table.heads == [("segmented at 32x48", 2)] and table.metrics == ["mIoU", "pixel accuracy"]


def test_its_encoder_gives_features_for_distances(run: RunFolder):
    metric = trained_frechet_distance(str(run.path))
    assert metric.name == "frechet_segmentation_laptop" and not metric.missing()
    state = metric.accumulator(CPU)
    photographs = torch.stack([shapes("heldout", SIZE).example(index).target for index in range(6)]).float() / 255
    state.update(photographs, photographs.clone())
    assert state.compute().value == pytest.approx(0, abs=1e-6)


def test_faults_are_said_before_anything_is_generated(run: RunFolder, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = shapes("heldout", SIZE)
    for weights, words in (
        ("", "train it first with `darkroom train segmentation laptop`"),
        (str(run.path), "tells 7 classes apart, and the label maps have 11"),
    ):
        with pytest.raises(DarkroomError, match=words):
            segmentation_score(images, "camvid" if weights else "shapes", SIZE, weights).open()


def test_label_ids_of_cityscapes_become_train_ids():
    evaluation = segmentation_score(shapes("heldout", SIZE), "cityscapes", (256, 512))
    assert evaluation.numbering.ids is not None and evaluation.optional
    assert evaluation.numbering.ids(torch.tensor([[[[0, 7, 26]]]])).tolist() == [[[[19, 0, 13]]]]
    assert evaluation.numbering.classes == 19 and evaluation.numbering.ignored == 19
