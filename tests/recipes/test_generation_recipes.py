"""Generators from end to end: killed and resumed, and evaluated by every sampler on one page."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from darkroom.core import weights
from darkroom.core.errors import DarkroomError
from darkroom.engine.folder import RunFolder
from darkroom.recipes import lookup
from darkroom.report import collect
from darkroom.report.compute import compute
from darkroom.workflows.options import RunOptions
from darkroom.workflows.train import train
from tests.engine.commands import wait_for
from tests.tiny import flags

SHARED = dict(width=4, batch_size=4, steps=20, sample_count=4)
TINY = {
    "score_sde": dict(**SHARED, samplers=("dpm_solver@3", "ancestral_pc@2")),
    "gan_ebm": dict(**SHARED, discriminator_width=4, latent=3, samplers=("generator", "ddls:0.1:0.5@3", "ddls@2")),
}
EVALUATIONS = {"dpm_solver": 3, "ancestral_pc": 4, "generator": 1, "ddls:0.1:0.5": 4, "ddls": 3}


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """A folder with a tiny run of either recipe."""
    out = tmp_path_factory.mktemp("runs")
    for recipe, settings in TINY.items():
        train(recipe, "laptop", options=RunOptions(out=out, accelerator="cpu", precision="32", threads=1), **settings)
    return out


@pytest.mark.long
@pytest.mark.parametrize("recipe", TINY)
def test_killed_it_ends_with_the_same_weights(runs: Path, recipe: str, tmp_path: Path):
    """Averages, statistics of batch normalisation, vectors of power iterations and the slope of the logits are kept."""
    words = [recipe, "laptop", "--out", str(tmp_path), "--save-every", "0", "--precision", "32", "--accelerator", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-m", "darkroom", "train", *words, "--threads", "1", *flags(**TINY[recipe])], stderr=subprocess.DEVNULL
    )
    folder = RunFolder(tmp_path / recipe / "laptop")
    wait_for(process, folder.last)
    process.send_signal(signal.SIGKILL)
    assert process.wait() in (0, -signal.SIGKILL)
    options = RunOptions(out=tmp_path, accelerator="cpu", precision="32", threads=1)
    train(recipe, "laptop", options=options, **TINY[recipe])
    expected, resumed = (weights.load(RunFolder(out / recipe / "laptop").final)[0] for out in (runs, tmp_path))
    assert all(torch.equal(resumed[name], tensor) for name, tensor in expected.items())
    if recipe == "gan_ebm":
        assert expected["slope"] != 1 and {name.rpartition(".")[2] for name in expected} >= {"running_var", "_u", "original"}


def test_every_sampler_is_on_the_same_axes_with_its_true_cost(runs: Path):
    rows, unreadable = collect.rows_below([runs])
    assert not unreadable and len(rows) == 2
    figures = compute(rows)
    assert len(figures) == 3 and {name.rpartition(" · ")[2] for name in figures[0].names} == set(EVALUATIONS)
    found = {
        str(dict(column.variant)["sampler"]): cell.value
        for row in rows
        for column, cell in row.cells["ours"].items()
        if column.metric == "network_evaluations"
    }
    assert found == EVALUATIONS


def test_mistakes():
    with pytest.raises(DarkroomError, match="--loss wgan .* take --network sngan"):
        lookup.build("gan_ebm", {**lookup.row("gan_ebm", "laptop"), "loss": "wgan", "network": "dcgan"})
    for samplers, words in (("ddls:a@3", "'ddls:a' is no sampler"), ("ancestral@3", "no sampler 'ancestral'")):
        with pytest.raises(DarkroomError, match=words):
            lookup.build("gan_ebm", {**lookup.row("gan_ebm", "laptop"), "samplers": (samplers,)})
