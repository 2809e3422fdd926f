"""Rows and seeds as jobs: submitit's local executor in place of Slurm's."""

import importlib.util
from dataclasses import replace

import pytest

from darkroom.core.errors import DarkroomError
from darkroom.engine.folder import RunFolder
from darkroom.workflows import sweep
from darkroom.workflows.options import RunOptions
from darkroom.workflows.sweep import Training, collect, submit

pytest.importorskip("submitit")


@pytest.fixture
def training(trained, tmp_path) -> Training:
    settings = dict(train_set=str(trained.photos), test_set=str(trained.photos), seed=1)
    options = RunOptions(out=tmp_path / "runs", accelerator="cpu", precision="32", threads=1)
    return Training(str(trained.recipe), "laptop", options, settings)


@pytest.mark.long
def test_jobs_train_what_a_call_trains_and_one_that_fails_does_not_stop_the_others(trained, training: Training, tmp_path):
    wrong = replace(training, settings={**training.settings, "train_set": str(tmp_path / "nowhere")})
    lines = []
    folders = collect([training, wrong], submit([training, wrong], "local"), lines.append)
    assert folders == [tmp_path / "runs" / "my_recipe" / "laptop-seed1"]
    assert lines[0] == f"my_recipe laptop, seed 1: trained in {folders[0]}"
    assert "nowhere" in lines[1] and "(log: " in lines[1] and str(tmp_path / "runs" / "jobs") in lines[1]
    here = trained.train(seed=1)
    assert RunFolder(folders[0]).final.read_bytes() == here.final.read_bytes()
    assert training.checkpoint().function == training, "an interrupted job is put into the queue again as it is"


def test_a_job_that_fails_does_not_stop_the_others_and_its_reason_is_said(trained, training: Training, tmp_path):
    wrong = replace(training, settings={**training.settings, "train_set": str(tmp_path / "nowhere")})
    lines = []
    assert len(collect([wrong, training], submit([wrong, training], "debug"), lines.append)) == 1
    assert lines[0].startswith("darkroom: my_recipe laptop, seed 1: ") and "nowhere" in lines[0].split("(log: ")[0]
    trace = f"Job (task=0) failed with trace:\n{22 * '-'}\nTraceback\ndarkroom.core.errors.DarkroomError: no\n{22 * '-'}\nLogs: - a\n"
    assert sweep._reason(RuntimeError(trace)) == "no"


def test_where_there_is_no_slurm_it_is_said(training: Training, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DarkroomError, match="no Slurm here"):
        submit([training])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DarkroomError, match=r"submitit, which is not installed: run `pip install '\.\[slurm\]'"):
        sweep.submit([training])
