import dataclasses
import json
from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image

from darkroom.cli import train
from darkroom.recipes import lookup
from darkroom.recipes.outline import outline
from darkroom.workflows import sweep
from tests.report.runs import denoising_run
from tests.tiny import SETTINGS, flags


def test_a_row_trains_and_its_folder_is_complete(trained):
    assert trained.code == 0, trained.error
    assert "psnr" in trained.error and "validation" in trained.error and "steps/s" in trained.error
    assert "computing with 1 thread" in trained.error
    assert "total variation" in trained.out and "PSNR (dB)" in trained.out
    files = {str(path.relative_to(trained.folder)) for path in trained.folder.rglob("*") if path.is_file()}
    assert {"run.json", "metrics.jsonl", "results.jsonl", "checkpoints/last.ckpt", "checkpoints/best.safetensors"} <= files
    assert any(name.startswith("tensorboard/") for name in files)


def test_the_same_command_resumes_and_other_settings_are_refused(darkroom, trained):
    code, out, error = darkroom(*trained.words)
    assert code == 0 and "resuming from step 6 of 6" in error and "total variation" in out
    code, _, error = darkroom(*trained.words, "--lr", 0.5)
    assert code == 2
    assert "lr=0.001 (now 0.5)" in error


def test_a_run_restores_and_reports(darkroom, trained, tmp_path: Path):
    assert darkroom("report", trained.folder, "-o", tmp_path / "report.html")[0] == 0
    assert (tmp_path / "report.html").stat().st_size > 20_000
    words = ["apply", trained.photos / "p0.png", "-o", tmp_path / "p.png", "--weights", trained.folder]
    code, _, error = darkroom(*words)
    assert code == 0, error
    assert Image.open(tmp_path / "p.png").size == (56, 48)


def test_report_writes_a_page_and_the_ledger(darkroom, tmp_path: Path):
    folder = denoising_run(tmp_path)
    code, out, _ = darkroom("report", folder, "--ledger-file", tmp_path / "ledger.csv")
    assert code == 0
    assert str(folder / "report.html") in out
    assert "29.20" in (tmp_path / "ledger.csv").read_text()


def test_noisy_targets_and_clean_ones_make_a_study(darkroom, photos: Path, tmp_path: Path):
    out = tmp_path / "runs"
    small = flags(width=2, patch_size=16, batch_size=2, steps=3, train_set=photos, test_set=photos, benchmark_sets=(), out=out)
    for row in ("images_1", "images_1_clean", "images_4", "images_4_clean"):
        code, _, error = darkroom("train", "noise2noise", row, "--accelerator", "cpu", *small)
        assert code == 0, error
    assert darkroom("report", out)[0] == 0
    page = (out / "report.html").read_text()
    assert 'id="studies"' in page and page.count("clean minus noisy") >= 2


def test_noisy_pairs_are_made(darkroom, photos: Path, tmp_path: Path):
    code, out, error = darkroom("data", "make", "noisy-pairs", "--from", photos, "--count", 3, "-o", tmp_path / "p.pkl")
    assert code == 0, error
    assert "3 pairs of 32x32 pixels from 4 images, noise blocky" in out
    assert [tuple(x.shape) for x in torch.load(tmp_path / "p.pkl", weights_only=True)] == [(3, 3, 32, 32)] * 2


def test_a_solver_is_evaluated_step_by_step(darkroom, photos: Path, tmp_path: Path):
    out = tmp_path / "runs"
    small = flags(test_set=photos, solver_steps=3, border=4, out=out, accelerator="cpu", image_count=1)
    for _ in range(2):  # the second time everything is done
        code, said, error = darkroom("train", "sun_deblurring", "laptop", *small)
        assert code == 0, error
    assert "Wiener" in said and "blurred input" in said
    lines = [json.loads(line) for line in (out / "sun_deblurring" / "laptop" / "metrics.jsonl").read_text().splitlines()]
    steps = [line["step"] for line in lines if line["split"] == "solver" and line["name"].startswith("psnr_crop4@photos")]
    assert steps == [1, 2, 3]
    results = [json.loads(line) for line in (out / "sun_deblurring" / "laptop" / "results.jsonl").read_text().splitlines()]
    assert {line["count"] for line in results} == {2}  # one image, two kernels
    assert darkroom("report", out)[0] == 0


@pytest.fixture(scope="module")
def small_sr() -> dict[str, object]:
    return dict(blocks=1, width=4, growth=2, patch_size=16, batch_size=2)


def test_an_adversarial_row_trains_upscales_and_shows_its_trade_off(darkroom, photos: Path, tmp_path: Path, small_sr):
    out = tmp_path / "runs"
    small = flags(**small_sr, train_set=photos, test_set=photos, out=out, accelerator="cpu")
    for row, more in (
        ("laptop", flags(steps=6, pretraining=3, discriminator_width=4)),
        ("laptop_psnr", flags(steps=4)),
    ):
        code, said, error = darkroom("train", "esrgan", row, *small, *more)
        assert code == 0, error
    assert "gradients W1" in said and "PSNR Y (dB)" in said and "bicubic" in said
    names = {json.loads(line)["name"] for line in (out / "esrgan" / "laptop" / "metrics.jsonl").read_text().splitlines()}
    assert {"psnr@photos", "gradient_w1@photos", "psnr_y_crop2@photos"} <= names
    assert len(list((out / "esrgan" / "laptop" / "samples").glob("*.png"))) == 2 * 6
    assert darkroom("report", out / "esrgan")[0] == 0
    assert 'id="tradeoffs"' in (out / "esrgan" / "report.html").read_text()
    folder = out / "esrgan" / "laptop"
    assert darkroom("apply", photos / "p0.png", "-o", tmp_path / "p.png", "--weights", folder)[0] == 0
    assert Image.open(tmp_path / "p.png").size == (112, 96)
    code, said, _ = darkroom("evaluate", folder, out / "esrgan" / "laptop_psnr", "--test-set", photos)
    assert code == 0 and "laptop_psnr" in said and "bicubic" in said


@pytest.mark.long
def test_a_whole_study_trains_and_reports_by_its_name(darkroom, photos: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = flags(blocks=1, channels=4, patch_size=16, batch_size=2, steps=20, train_set=photos, test_set=photos)
    code, _, error = darkroom("train", "basic_sr", "all", "--accelerator", "cpu", "--benchmark-sets", "set14", *small)
    assert code == 0, error
    assert "not evaluated on set14: Set14 is not at" in error
    rows = {path.name for path in (tmp_path / "runs" / "basic_sr").iterdir()}
    assert rows == {row for row in lookup.find("basic_sr").ROWS if not row.startswith("laptop")}
    assert darkroom("report", "basic_sr")[0] == 0
    page = (tmp_path / "runs" / "basic_sr" / "report.html").read_text()
    for words in ("blocks=1, channels=4", "nearest reduction", "Validation "):
        assert words in page, words


def test_a_row_that_diverges_does_not_stop_the_others(darkroom, photos: Path, tmp_path: Path, monkeypatch):
    small = flags(blocks=1, channels=4, patch_size=16, batch_size=2, train_set=photos, test_set=photos, benchmark_sets=())
    words = ["--accelerator", "cpu", "--out", tmp_path, "--steps", 60, "--precision", "32", *small]
    rows = {"first": dict(), "broken": dict(residual=True, lr=1e30), "last": dict()}
    monkeypatch.setattr(lookup.find("basic_sr"), "ROWS", rows)
    monkeypatch.setattr("darkroom.cli.train.outline", lambda name: dataclasses.replace(outline(name), rows=tuple(rows)))
    code, _, error = darkroom("train", "basic_sr", "all", *words)
    assert code == 2
    assert "of 3 trainings basic_sr broken diverged" in error.splitlines()[-1]
    assert (tmp_path / "basic_sr" / "last" / "checkpoints" / "final.safetensors").exists()


def test_rows_and_seeds_are_trained_one_after_another(darkroom, monkeypatch):
    trained = []
    monkeypatch.setattr(train, "_train_one", trained.append)
    assert darkroom("train", "dncnn", "s25", "laptop", "--seed", "0,2", "--steps", 9)[0] == 0
    assert [str(each) for each in trained] == ["dncnn s25", "dncnn s25, seed 2", "dncnn laptop", "dncnn laptop, seed 2"]
    assert {each.settings["steps"] for each in trained} == {9}
    code, _, error = darkroom("train", "dncnn", "s25", "lapto", "--seed", "0,2")
    assert code == 2 and "lapto" in error and len(trained) == 4


def test_jobs_are_collected_in_one_report(darkroom, photos: Path, tmp_path: Path, monkeypatch):
    pytest.importorskip("submitit")
    monkeypatch.setattr("darkroom.workflows.sweep.submit", partial(sweep.submit, cluster="debug"))
    words = flags(**{**SETTINGS, "steps": 2}, train_set=photos, test_set=photos, out=tmp_path / "runs", precision="32")
    code, said, error = darkroom(
        "train", "dncnn", "laptop", *words, "--seed", "0,1", "--launcher", "slurm", "--accelerator", "cpu"
    )
    assert code == 0, error
    assert "2 job(s) submitted" in said and error.count("trained in") == 2
    page = (tmp_path / "runs" / "dncnn" / "report.html").read_text()
    assert "seeds 0, 1" in page
