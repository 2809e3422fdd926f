from pathlib import Path

import pytest

from darkroom.core.errors import DarkroomError


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["tain"], "no command 'tain'; there are list, train"),
        (["train"], "which recipe?"),
        (["train", "dncnn"], "which row of dncnn?"),
        (["train", "dncn", "s25"], "no recipe 'dncn'"),
        (["train", "my_recipe.py", "laptop"], "no recipe at my_recipe.py"),
        (["train", "dncnn", "s26"], "no row 's26'"),
        (["train", "dncnn", "laptop", "--stesp", "3"], "--stesp"),
        (["train", "dncnn", "laptop", "--steps", "many"], "many"),
        (["train", "dncnn", "laptop", "--threads", "0", "--out", "OUT"], "--threads 0"),
        (["train", "dncnn", "s25", "--out", "OUT"], "BSDS500 is not at"),
        (
            ["train", "dncnn", "laptop", "--train-set", "nowhere", "--out", "OUT"],
            "neither a folder, a zip file nor a known set",
        ),
        (["train", "dncnn", "laptop", "--devices", "0", "--out", "OUT"], "--devices 0"),
        (["train", "dncnn", "laptop", "--strategy", "fsdp", "--out", "OUT"], "--strategy fsdp shards networks"),
        (["train", "dncnn", "laptop", "--depth", "1", "--out", "OUT"], "depth 1"),
        (["train", "dncnn", "laptop", "--patch-size", "0", "--out", "OUT"], "patch size and batch size must be at least 1"),
        (["train", "esrgan", "laptop", "--generator", "rrdb", "--scale", "3", "--out", "OUT"], "2, 4 or 8"),
        (["train", "basic_sr", "laptop", "--patch-size", "63", "--out", "OUT"], "63"),
        (["train", "basic_sr", "baseline", "--out", "OUT"], "BSDS500 is not at"),
        (["train", "swinir", "laptop", "--heads", "5", "--out", "OUT"], "5 heads"),
        (["train", "noise2noise", "gaussian", "--out", "OUT"], "BSDS500 is not at"),
        (["train", "noise2noise", "laptop", "--width", "0", "--out", "OUT"], "--width 0"),
        (["train", "sun_deblurring", "hqs", "--out", "OUT"], "Sun_Hays_SR_groundtruth is not at"),
        (["evaluate", "nothing.pth"], "no weights at nothing.pth"),
        (["evaluate", "dncnn/laptop"], "train it first with `darkroom train dncnn laptop`"),
        (["evaluate"], "which weights?"),
        (["apply", "nothing.jpg", "-o", "x.png", "--weights", "w"], "no image or folder at nothing.jpg"),
        (["apply", "flight", "-o", "x.mp4", "--weights", "w"], "no weights at w"),
        (["report", "nothing"], "no run at or below nothing"),
        (["data", "get", "imagenet"], "no dataset 'imagenet'"),
        (["data", "check", "bsds500"], "darkroom data get bsds500"),
        (["data"], "needs one of list, get, check, make"),
        (["data", "make"], "needs one of noisy-pairs, scene; given nothing"),
        (["data", "make", "noisy-pairs", "-o", "OUT"], "--from"),
        (["data", "make", "noisy-pairs", "--from", "nowhere", "-o", "OUT"], "neither a folder, a zip file nor a known set"),
        (["data", "make", "noisy-pairs", "--from", "embedded", "--count", "0", "-o", "OUT"], "--count 0"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(darkroom, tmp_path: Path, monkeypatch, words, line):
    monkeypatch.setenv("DARKROOM_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    code, _, error = darkroom(*[str(tmp_path / "out") if word == "OUT" else word for word in words])
    assert code == 2
    assert line in error
    assert "Traceback" not in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_debug_shows_the_traceback(darkroom):
    with pytest.raises(DarkroomError):
        darkroom("evaluate", "nothing.pth", "--debug")
