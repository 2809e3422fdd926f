"""Pre-training and transfer from end to end: killed and resumed, frozen, reported, and mistakes in one line."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from darkroom.core import weights
from darkroom.core.errors import DarkroomError
from darkroom.engine.folder import RunFolder
from darkroom.networks.resnet import ResNet
from darkroom.recipes import lookup, trained
from darkroom.report import collect, page
from darkroom.workflows.options import RunOptions
from darkroom.workflows.train import train
from tests.engine.commands import wait_for
from tests.tiny import flags

BACKBONE = dict(width=4, image_size=8)
TINY = dict(**BACKBONE, hidden=8, projection=4, batch_size=8, steps=120)
TARGET = dict(**BACKBONE, batch_size=8, steps=4)


def options(out: Path) -> RunOptions:
    return RunOptions(out=out, accelerator="cpu", precision="32", threads=1)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> dict[str, Any]:
    """Settings of `byol laptop` that train in seconds, with ten images to evaluate features on."""
    folder = tmp_path_factory.mktemp("shades")
    for number in range(10):
        (folder / str(number % 2)).mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), (25 * number, 0, 0)).save(folder / str(number % 2) / f"{number}.png")
    return {**TINY, "probe_set": str(folder)}


@pytest.fixture(scope="module")
def runs(tiny: dict[str, Any], tmp_path_factory) -> Path:
    """A folder with backbones with and without labels."""
    out = tmp_path_factory.mktemp("runs")
    train("byol", "laptop", options=options(out), **tiny)
    train("supervised", "laptop", options=options(out), **TARGET)
    return out


@pytest.mark.long
def test_killed_it_ends_with_the_same_weights(runs: Path, tiny: dict[str, Any], tmp_path: Path):
    """The target network, its statistics and the momentum of the optimizer are kept."""
    words = ["byol", "laptop", "--out", str(tmp_path), "--save-every", "0", "--precision", "32", "--accelerator", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-m", "darkroom", "train", *words, "--threads", "1", *flags(**tiny)], stderr=subprocess.DEVNULL
    )
    folder = RunFolder(tmp_path / "byol" / "laptop")
    wait_for(process, folder.last)
    process.send_signal(signal.SIGKILL)
    assert process.wait() in (0, -signal.SIGKILL)
    train("byol", "laptop", options=options(tmp_path), **tiny)
    expected = weights.load(RunFolder(runs / "byol" / "laptop").final)[0]
    resumed = weights.load(folder.final)[0]
    assert any(name.startswith("target.0.bn1.running") for name in expected)
    assert all(torch.equal(resumed[name], tensor) for name, tensor in expected.items())


def test_the_spread_of_projections_is_logged(runs: Path):
    rows, unreadable = collect.rows_below([runs / "byol"])
    assert not unreadable and len(rows[0].curve("train", "spread")) == 6
    assert {column.variant for column in rows[0].cells["ours"]} == {
        (("classifier", "linear"),), (("classifier", "nearest neighbours"),)
    }  # fmt: skip
    assert "colours of 64 cells" in rows[0].cells


def test_a_trained_backbone_is_loaded_by_its_folder(runs: Path):
    backbone = trained.load(runs / "byol" / "laptop")
    assert isinstance(backbone, ResNet) and not backbone.training and trained.kind_of(runs / "byol" / "laptop") == "backbone"


@pytest.mark.parametrize(("row", "source"), [("laptop_self_supervised", "byol"), ("laptop_labelled", "supervised")])
def test_a_frozen_backbone_ends_as_it_began(runs: Path, row: str, source: str):
    for frozen in (True, False):
        folder = train("transfer", f"{row}_frozen" if frozen else row, options=options(runs), **TARGET)
        before, after = (weights.load(RunFolder(path).final)[0] for path in (runs / source / "laptop", folder.path))
        names = [name for name in after if name.startswith("network.backbone.")]
        assert names and all(torch.equal(after[name], before[name]) for name in names) == frozen
        assert any(name.endswith("running_var") for name in names)


def test_seeds_are_averaged_and_settings_stand_on_one_page(runs: Path, tmp_path: Path):
    for seed in (0, 1):
        train("transfer", "laptop", options=options(runs), seed=seed, **TARGET)
    rows, _ = collect.rows_below([runs / "transfer"])
    row = next(row for row in rows if row.row == "laptop")
    assert row.seeds == [0, 1] and all(cell.deviation is not None for cell in row.cells["ours"].values())
    page.write(tmp_path / "report.html", rows)
    text = (tmp_path / "report.html").read_text()
    assert "after training by sgd" in text and "confusion-matrix" in text and "±" in text


def test_the_fine_tuning_recipe_is_part_of_the_protocol():
    changed = {**lookup.row("transfer", "scratch"), "lr": 0.1}
    described = lookup.describe("transfer", "scratch", changed, lookup.build("transfer", changed))
    assert described.protocol_changes == {"office_home": ["lr=0.1"]}
    settings = [lookup.row("transfer", row) for row in lookup.find("transfer").ROWS if row.startswith("small")]
    shared = [{key: value for key, value in row.items() if key not in ("initial", "frozen")} for row in settings]
    assert len(shared) == 5 and all(row == shared[0] for row in shared)


@pytest.mark.parametrize(
    ("row", "changes", "words"),
    [
        ("laptop_self_supervised", {}, "train it first with `darkroom train byol laptop`"),
        ("laptop", {"classes": 3}, "of 5 classes: give --classes 5 instead of 3"),
        ("laptop", {"initial": "byol"}, "--initial byol: must be RECIPE/ROW"),
        ("laptop", {"train_set": "nowhere"}, "'nowhere' is neither a folder"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, row: str, changes: dict, words: str):
    with pytest.raises(DarkroomError, match=words):
        train("transfer", row, options=options(tmp_path), **{**TARGET, **changes})


def test_a_backbone_of_another_size_is_one_line(runs: Path):
    with pytest.raises(DarkroomError, match="do not fit this network"):
        train("transfer", "laptop_self_supervised", options=options(runs), **{**TARGET, "width": 8, "seed": 5})
