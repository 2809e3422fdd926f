import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from darkroom.cli.main import main
from darkroom.networks.dncnn import DnCNN
from darkroom.networks.rrdbnet import RRDBNet
from darkroom.recipes import lookup
from tests.report.runs import made_up


@pytest.fixture
def darkroom(monkeypatch, capsys):
    """Run the command line in this process: `(exit code, stdout, stderr)`."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["darkroom", *map(str, words)])
        try:
            main()
            code = 0
        except SystemExit as stopped:
            code = stopped.code or 0
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """Somebody's DnCNN, as a public port saves it."""
    network = DnCNN(3, 4, 3, batch_norm=False)
    torch.save(
        {f"model.{name.removeprefix('layers.')}": tensor for name, tensor in network.state_dict().items()},
        tmp_path / "dncnn.pth",
    )
    return tmp_path / "dncnn.pth"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tain"], "no command 'tain'; there are list, train"),
        (["train"], "which recipe?"),
        (["train", "dncnn"], "which row of dncnn?"),
        (["train", "dncn", "s25"], "no recipe 'dncn'"),
        (["train", "dncnn", "s26"], "no row 's26'"),
        (["train", "dncnn", "laptop", "--stesp", "3"], "--stesp"),
        (["train", "dncnn", "laptop", "--steps", "many"], "many"),
        (["train", "dncnn", "s25", "--out", "OUT"], "BSDS500 is not at"),
        (["train", "dncnn", "laptop", "--train-set", "nowhere", "--out", "OUT"], "neither a folder nor a known set"),
        (["train", "dncnn", "laptop", "--devices", "0", "--out", "OUT"], "--devices 0"),
        (["train", "dncnn", "laptop", "--depth", "1", "--out", "OUT"], "depth 1"),
        (["train", "dncnn", "laptop", "--patch", "0", "--out", "OUT"], "--patch 0"),
        (["evaluate", "nothing.pth"], "no weights file at nothing.pth"),
        (["evaluate"], "which weights?"),
        (["train", "esrgan", "laptop", "--network", "rrdb", "--scale", "3", "--out", "OUT"], "2, 4 or 8 times, not 3"),
        (["train", "basic_sr", "laptop", "--crop", "63", "--out", "OUT"], "crop of 63"),
        (["train", "basic_sr", "baseline", "--out", "OUT"], "BSDS500 is not at"),
        (
            [
                "train",
                "esrgan",
                "esrgan",
                "--train-set",
                "embedded",
                "--test-set",
                "embedded",
                "--vgg19",
                "no.pth",
                "--out",
                "OUT",
            ],
            "VGG-19 at no.pth",
        ),
        (["apply", "nothing.jpg", "-o", "x.png", "--weights", "w"], "no image or folder at nothing.jpg"),
        (["report", "nothing"], "no run at or below nothing"),
        (["data", "get", "imagenet"], "no dataset 'imagenet'"),
        (["data", "check", "bsds500"], "darkroom data get bsds500"),
        (["data"], "needs one of list, get, check, make"),
        (["data", "make"], "needs one of noisy-pairs, scene; given nothing"),
        (["data", "make", "noisy-pairs", "-o", "OUT"], "--from"),
        (["data", "make", "noisy-pairs", "--from", "nowhere", "-o", "OUT"], "neither a folder nor a known set"),
        (["data", "make", "noisy-pairs", "--from", "embedded", "--count", "0", "-o", "OUT"], "--count 0"),
        (["train", "swinir", "laptop", "--heads", "5", "--out", "OUT"], "5 heads cannot share 24 features"),
        (["train", "swinir", "laptop", "--start", "nothing.pth", "--out", "OUT"], "no weights file at nothing.pth"),
        (["train", "noise2noise", "gaussian", "--out", "OUT"], "BSDS500 is not at"),
        (["train", "noise2noise", "laptop", "--width", "0", "--out", "OUT"], "--width 0"),
        (["train", "sun_deblurring", "hqs", "--out", "OUT"], "Sun_Hays_SR_groundtruth is not at"),
        (["train", "sun_deblurring", "laptop", "--prior", "nothing.pth", "--out", "OUT"], "no weights file at nothing.pth"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(darkroom, tmp_path: Path, monkeypatch, words, said):
    monkeypatch.setenv("DARKROOM_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    code, _, error = darkroom(*[str(tmp_path / "out") if word == "OUT" else word for word in words])
    assert code == 2
    assert said in error
    assert "Traceback" not in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_debug_shows_the_traceback(darkroom):
    from darkroom.core.errors import DarkroomError

    with pytest.raises(DarkroomError):
        darkroom("evaluate", "nothing.pth", "--debug")


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["train", "--help"],
        ["train", "dncnn", "laptop", "--help"],
        ["apply", "--help"],
        ["evaluate", "--help"],
        ["report", "--help"],
        ["demo", "--help"],
        ["data", "--help"],
        ["data", "get", "--help"],
        ["data", "make", "--help"],
        ["data", "make", "noisy-pairs", "--help"],
        ["list", "--help"],
    ],
)
def test_help_has_an_example(darkroom, words):
    code, said, _ = darkroom(*words)
    assert code == 0
    assert "darkroom " + " ".join(word for word in words if word != "--help") in said
    assert "xample" in said or "darkroom train dncnn laptop" in said


def test_help_of_a_row_shows_the_rows_own_defaults(darkroom):
    _, said, _ = darkroom("train", "dncnn", "s50", "--help")
    assert "50.0" in said
    assert "noise level in training" in said
    assert "--save-every" in said


def test_list_shows_rows_and_published_numbers(darkroom):
    code, said, _ = darkroom("list")
    assert code == 0
    assert "laptop" in said
    assert "29.23" in said
    assert "bsds500" in said


def test_evaluate_judges_foreign_weights_on_a_folder(darkroom, foreign: Path, photos: Path, tmp_path: Path):
    code, said, _ = darkroom("evaluate", foreign, "--data", photos, "--sigma", 15, 25, "--output", tmp_path / "r.jsonl")
    assert code == 0
    assert "dncnn.pth" in said
    assert "neither clipped nor rounded" in said
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert {(line["method"], line["metric"], line["sigma"]) for line in lines} == {
        (method, metric, sigma) for method in ("dncnn.pth", "noisy input") for metric in ("psnr", "ssim") for sigma in (15, 25)
    }
    assert all(line["count"] == 4 and len(line["values"]) == 4 for line in lines)


def test_apply_restores_what_it_can_and_says_what_it_cannot(darkroom, foreign: Path, photos: Path, tmp_path: Path):
    (photos / "broken.png").write_bytes(b"rubbish")
    code, _, error = darkroom("apply", photos, "-o", tmp_path / "out", "--weights", foreign)
    assert code == 2
    assert "skipped" in error
    assert "broken.png" in error
    assert "1 of 5 images could not be restored" in error.splitlines()[-1]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["p0.png", "p1.png", "p2.png", "p3.png"]
    code, _, error = darkroom("apply", photos / "p0.png", "--output", tmp_path / "one.jpg", "--weights", foreign)
    assert code == 0
    assert Image.open(tmp_path / "one.jpg").size == (56, 48)


def test_report_writes_a_page_and_the_ledger(darkroom, tmp_path: Path):
    folder = made_up(tmp_path)
    code, said, _ = darkroom("report", folder, "--ledger-file", tmp_path / "ledger.csv")
    assert code == 0
    assert str(folder / "report.html") in said
    assert "29.20" in (tmp_path / "ledger.csv").read_text()


def test_a_row_trains_and_its_folder_restores_and_reports(darkroom, photos: Path, tmp_path: Path):
    out = tmp_path / "runs"
    settings = [
        "--width",
        4,
        "--depth",
        3,
        "--patch",
        8,
        "--batch",
        2,
        "--steps",
        6,
        "--train-set",
        photos,
        "--test-set",
        photos,
    ]
    code, said, error = darkroom("train", "dncnn", "laptop", "--out", out, "--accelerator", "cpu", *settings)
    assert code == 0, error
    assert "dncnn laptop" in said and "total variation" in said
    folder = out / "dncnn" / "laptop"
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {"run.json", "metrics.jsonl", "results.jsonl", "checkpoints/last.ckpt", "checkpoints/best.safetensors"} <= files
    assert any(name.startswith("tensorboard/") for name in files)
    assert darkroom("report", out)[0] == 0
    assert (out / "report.html").stat().st_size > 20_000
    assert darkroom("apply", photos / "p0.png", "-o", tmp_path / "p.png", "--weights", folder)[0] == 0
    assert darkroom("evaluate", folder, "--data", photos, "--sigma", 25)[0] == 0
    code, _, error = darkroom("train", "dncnn", "laptop", "--out", out, "--accelerator", "cpu", *settings, "--rate", 0.5)
    assert code == 2
    assert "rate=0.001 (now 0.5)" in error


def test_noisy_targets_and_clean_ones_make_a_study(darkroom, photos: Path, tmp_path: Path):
    out = tmp_path / "runs"
    small = ["--width", 2, "--patch", 16, "--batch", 2, "--steps", 3, "--train-set", photos, "--test-set", photos, "--out", out]
    for row in ("images_1", "images_1_clean", "images_4", "images_4_clean"):
        code, _, error = darkroom("train", "noise2noise", row, "--accelerator", "cpu", "--standard", *small)
        assert code == 0, error
    assert darkroom("report", out)[0] == 0
    page = (out / "report.html").read_text()
    assert 'id="studies"' in page and page.count("gap: clean minus noisy") >= 2
    code, said, error = darkroom("data", "make", "noisy-pairs", "--from", photos, "--count", 3, "-o", tmp_path / "p.pkl")
    assert code == 0 and "3 pairs of 32x32 pixels from 4 images, noise blocky" in said
    assert [tuple(x.shape) for x in torch.load(tmp_path / "p.pkl", weights_only=True)] == [(3, 3, 32, 32)] * 2


def test_a_blurred_picture_is_sharpened(darkroom, foreign: Path, photos: Path, tmp_path: Path):
    np.savez(tmp_path / "k.npz", one=np.ones((3, 3)), two=np.ones((5, 1)))
    words = ["apply", photos, "-o", tmp_path / "sharp", "--weights", foreign, "--steps", 2]
    code, _, error = darkroom(*words, "--kernel", f"{tmp_path / 'k.npz'}:two", "--sigma", 5)
    assert code == 0, error
    assert [Image.open(path).size for path in sorted((tmp_path / "sharp").iterdir())] == [(56, 48)] * 4
    for more, said in [
        (["--kernel", tmp_path / "k.npz"], "has 2 kernels: choose one of one, two"),
        (["--kernel", tmp_path / "no.npz"], "no kernel file at"),
        (["--kernel", f"{tmp_path / 'k.npz'}:one", "--sigma", 0], "4 of 4 images could not be restored"),
    ]:
        code, _, error = darkroom(*words, *more)
        assert code == 2 and said in error and "Traceback" not in error


def test_a_row_that_learns_nothing_is_judged_step_by_step(darkroom, photos: Path, tmp_path: Path):
    out = tmp_path / "runs"
    small = ["--train-set", photos, "--steps", 3, "--border", 4, "--out", out, "--accelerator", "cpu", "--images", 1]
    for _ in range(2):  # the second time everything is there
        code, said, error = darkroom("train", "sun_deblurring", "laptop", *small)
        assert code == 0, error
    assert "Wiener" in said and "blurred input" in said
    lines = [json.loads(line) for line in (out / "sun_deblurring" / "laptop" / "metrics.jsonl").read_text().splitlines()]
    steps = [line["step"] for line in lines if line["split"] == "solver" and line["name"].startswith("psnr_crop4@photos")]
    assert steps == [1, 2, 3]
    results = [json.loads(line) for line in (out / "sun_deblurring" / "laptop" / "results.jsonl").read_text().splitlines()]
    assert {line["count"] for line in results} == {2}  # one image, two kernels
    assert darkroom("report", out)[0] == 0
    assert "solver: psnr_crop4@photos sigma 2.55" in (out / "report.html").read_text()


def test_an_adversarial_row_trains_enlarges_and_shows_its_trade_off(darkroom, photos: Path, tmp_path: Path):
    out = tmp_path / "runs"
    small = [
        "--blocks",
        1,
        "--width",
        4,
        "--growth",
        2,
        "--crop",
        16,
        "--batch",
        2,
        "--train-set",
        photos,
        "--test-set",
        photos,
    ]
    for row, more in (
        ("laptop", ["--steps", 6, "--pretraining", 3, "--discriminator-width", 4]),
        ("laptop_psnr", ["--steps", 4]),
    ):
        code, said, error = darkroom("train", "esrgan", row, "--out", out, "--accelerator", "cpu", *small, *more)
        assert code == 0, error
    assert "gradients W1" in said and "PSNR Y (dB)" in said and "bicubic" in said
    names = {json.loads(line)["name"] for line in (out / "esrgan" / "laptop" / "metrics.jsonl").read_text().splitlines()}
    assert {"psnr@photos", "gradient_w1@photos", "psnr_y_crop2@photos"} <= names
    assert len(list((out / "esrgan" / "laptop" / "samples").glob("*.png"))) == 2 * 6
    assert darkroom("report", out / "esrgan")[0] == 0
    page = (out / "esrgan" / "report.html").read_text()
    assert 'id="tradeoffs"' in page and page.count('class="piece"') == 3 * 6
    folder = out / "esrgan" / "laptop"
    assert darkroom("apply", photos / "p0.png", "-o", tmp_path / "p.png", "--weights", folder)[0] == 0
    assert Image.open(tmp_path / "p.png").size == (112, 96)
    code, said, _ = darkroom("evaluate", folder, out / "esrgan" / "laptop_psnr", "--data", photos)
    assert code == 0 and "laptop_psnr" in said and "bicubic" in said and "kernel='matlab'" in said


def test_a_whole_study_trains_and_reports_by_its_name(darkroom, photos: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = [
        "--blocks",
        1,
        "--channels",
        4,
        "--crop",
        16,
        "--batch",
        2,
        "--steps",
        20,
        "--train-set",
        photos,
        "--test-set",
        photos,
    ]
    code, _, error = darkroom("train", "basic_sr", "all", "--accelerator", "cpu", "--standard", "set14", *small)
    assert code == 0, error
    assert "not evaluated on set14: Set14 is not at" in error
    assert {path.name for path in (tmp_path / "runs" / "basic_sr").iterdir()} == {
        "baseline", "residual", "rate_1e-2", "rate_1e-3", "rate_1e-5", "rate_1e-6"
    }  # fmt: skip
    assert darkroom("report", "basic_sr")[0] == 0
    page = (tmp_path / "runs" / "basic_sr" / "report.html").read_text()
    assert "All rows with blocks=1, channels=4" in page
    for words in ("basic_sr rate_1e-6", "reduction nearest", "validation: l1@photos", "train: loss/network"):
        assert words in page, words


def test_a_row_that_diverges_does_not_stop_the_study(darkroom, photos: Path, tmp_path: Path, monkeypatch):
    small = ["--blocks", 1, "--channels", 4, "--crop", 16, "--batch", 2, "--train-set", photos, "--test-set", photos]
    words = ["--accelerator", "cpu", "--standard", "--out", tmp_path, "--steps", 60, "--precision", "32", *small]
    monkeypatch.setitem(lookup.find("basic_sr").ROWS, "residual", dict(residual=True, rate=1e30))
    for row in ("rate_1e-2", "rate_1e-5", "rate_1e-6"):
        monkeypatch.delitem(lookup.find("basic_sr").ROWS, row)
    code, _, error = darkroom("train", "basic_sr", "all", *words)
    assert code == 2
    assert "of 3 rows residual diverged" in error.splitlines()[-1]
    assert (tmp_path / "basic_sr" / "rate_1e-3" / "checkpoints" / "final.safetensors").exists()


def test_weights_that_answer_different_questions_share_no_table(darkroom, foreign: Path, tmp_path: Path):
    torch.save(RRDBNet(2, 1).state_dict(), tmp_path / "x2.pth")
    code, _, error = darkroom("evaluate", foreign, tmp_path / "x2.pth")
    assert code == 2 and "answer different questions" in error


def test_a_picture_that_cannot_be_judged_is_named(darkroom, photos: Path, tmp_path: Path):
    torch.save(RRDBNet(2, 1).state_dict(), tmp_path / "x2.pth")
    Image.new("RGB", (1, 1)).save(photos / "dot.png")
    code, _, error = darkroom("evaluate", tmp_path / "x2.pth", "--data", photos)
    assert code == 2 and "dot.png: an image of 1x1 pixels is too small" in error
