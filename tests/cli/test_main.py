import json
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from darkroom.cli.main import main
from darkroom.networks.dncnn import DnCNN
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
        (["train", "dncnn", "laptop", "--photos", "nowhere", "--out", "OUT"], "neither a folder nor a known set"),
        (["train", "dncnn", "laptop", "--devices", "0", "--out", "OUT"], "--devices 0"),
        (["train", "dncnn", "laptop", "--depth", "1", "--out", "OUT"], "depth 1"),
        (["train", "dncnn", "laptop", "--patch", "0", "--out", "OUT"], "--patch 0"),
        (["evaluate", "nothing.pth"], "no weights file at nothing.pth"),
        (["evaluate"], "weights"),
        (["apply", "nothing.jpg", "-o", "x.png", "--weights", "w"], "no picture or folder at nothing.jpg"),
        (["report", "nothing"], "no run at or below nothing"),
        (["data", "get", "imagenet"], "no dataset 'imagenet'"),
        (["data", "check", "bsds500"], "darkroom data get bsds500"),
        (["data"], "needs one of list, get, check"),
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
    assert "1 of 5 pictures could not be restored" in error.splitlines()[-1]
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
    settings = ["--width", 4, "--depth", 3, "--patch", 8, "--batch", 2, "--steps", 6, "--photos", photos, "--judged-on", photos]
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
