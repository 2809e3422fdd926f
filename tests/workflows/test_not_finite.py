"""A black test image is reproduced exactly, which makes its PSNR infinite: evaluation, resuming, report and ledger go on."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from darkroom.core import weights
from darkroom.core.files import read_json_lines
from darkroom.data.named_sets import evaluation_images
from darkroom.engine import train as engine
from darkroom.engine.folder import RunFolder
from darkroom.metrics.per_image import PerImageMetric
from darkroom.recipes.protocols import denoising
from darkroom.report import ledger, page
from darkroom.report.collect import rows_below
from darkroom.report.table import comparisons_of
from darkroom.workflows.options import RunOptions
from darkroom.workflows.train import train
from tests.engine import toys
from tests.tiny import write_photos


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """A test set with a black image, of a name for which numbers are published."""
    folder = write_photos(tmp_path_factory.mktemp("data") / "set5")
    Image.new("RGB", (40, 32)).save(folder / "a-black.png")
    return folder


@pytest.fixture(scope="module")
def trained(photos: Path) -> RunFolder:
    settings = dict(width=4, blocks=1, patch_size=32, batch_size=1, steps=2, train_set=str(photos), test_set=str(photos))
    options = RunOptions(out=photos.parent / "runs", accelerator="cpu", precision="32")
    folder = train("safmn", "x2", options=options, benchmark_sets=(), **settings)
    before = folder.results.read_bytes()
    train("safmn", "x2", options=options, benchmark_sets=(), **settings)  # resumes at the end
    assert folder.results.read_bytes() == before
    return folder


def strictly(line: str) -> Any:
    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(line, parse_constant=refuse)


def test_the_scores_are_infinite_and_the_files_are_json(trained: RunFolder):
    bicubic = {result.metric: result for result in trained.read_results() if result.method == "bicubic"}
    assert math.isinf(bicubic["psnr_y_crop2"].value) and bicubic["psnr_y_crop2"].deviation is None
    assert sum(map(math.isinf, bicubic["psnr_y_crop2"].values)) == 1 and bicubic["psnr_y_crop2"].count == 5
    assert 0 < bicubic["ssim_y_crop2"].value < 1 and bicubic["ssim_y_crop2"].deviation is not None
    strictly(trained.description.read_text())
    for file in (trained.results, trained.metrics):
        assert all(map(strictly, file.read_text().splitlines()))


def test_the_report_and_the_ledger_have_infinite_numbers(trained: RunFolder, tmp_path: Path):
    rows, unreadable = rows_below([trained.path])
    assert not unreadable
    ledger.enter(tmp_path / "ledger.csv", [comparison.entry for comparison in comparisons_of(rows)])
    page.write(tmp_path / "page.html", rows, tmp_path / "ledger.csv")
    entries = {entry.metric: entry for entry in ledger.read(tmp_path / "ledger.csv") if entry.method == "bicubic"}
    assert (
        entries["psnr_y_uint8_crop2"].measured == "inf" and "the measured value is inf" in entries["psnr_y_uint8_crop2"].verdict
    )
    assert "<td>inf</td>" in (tmp_path / "page.html").read_text().replace(' class="best"', "")


def test_validation_on_test_images_is_recorded_and_reported(trained: RunFolder, tmp_path: Path):
    validation = trained.read().validation
    assert validation is not None and (validation.count, validation.shared) == (5, {"set5": 5})
    page.write(tmp_path / "page.html", rows_below([trained.path])[0])
    text = (tmp_path / "page.html").read_text()
    assert "5 of these images were used for validation during training, which did not choose the weights" in text
    assert (
        "Set5, 5 images, by PSNR Y; 5 of them in the test set Set5. Used for curves, and the choice of best.safetensors" in text
    )


def test_denoising_without_noise_is_infinitely_good(photos: Path):
    (evaluation,) = denoising.evaluations(evaluation_images(str(photos)).first(2), (0.0,))
    evaluation.open()
    for name, baseline in evaluation.baselines.items():
        outcome = evaluation.evaluate(baseline, torch.device("cpu"))
        assert math.isinf(outcome.scores["psnr"].value) and outcome.scores["ssim"].value == pytest.approx(1), name


def test_a_validation_that_is_nan_is_not_the_best(tmp_path: Path):
    values = iter([math.nan, 1.0, math.nan])
    metric = PerImageMetric("x", "X", "", "x", function=lambda prediction, target: torch.tensor([next(values)]))
    run = toys.denoising_run(steps=9, validation=toys.evaluation().with_metrics([metric]), evaluations=[])
    folder = RunFolder(tmp_path / "run")
    engine.train(run, folder, toys.fabric(), {"recipe": "toy"}, engine.LoopOptions(), engine.Silence())
    assert weights.load(folder.best)[1]["step"] == 6
    assert [line["value"] for line in read_json_lines(folder.metrics) if line["split"] == "validation"] == ["nan", 1.0, "nan"]
