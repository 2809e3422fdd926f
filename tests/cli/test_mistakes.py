import os
import subprocess
import sys
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
        (["train", "dncnn", "laptop", "--stesp", "3"], "no option --stesp; did you mean --steps?"),
        (["train", "dncnn", "laptop", "--learning-rate", "3"], "no option --learning-rate; did you mean --lr?"),
        (["train", "dncnn", "laptop", "--lrr", "3"], "no option --lrr; did you mean --lr?"),
        (["evaluate", "w.pth", "--no-baselines"], "no option --no-baselines; did you mean --baselines?"),
        (["evaluate", "w.pth", "--testset=set5"], "no option --testset; did you mean --test-set?"),
        (["report", "--xyzzy"], "no option --xyzzy (see"),
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
        (["train", "dncnn", "laptop", "--patch-size", "0", "--out", "OUT"], "--patch-size 0: must be at least 1"),
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
        (["data", "make"], "needs one of noisy-pairs, shaken, frame-blur, scene; given nothing"),
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


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["train", "dncnn", "laptop", "--steps", "0"], "--steps 0: must be at least 1"),
        (["train", "dncnn", "laptop", "--steps", "-1"], "--steps -1: must be at least 1"),
        (["train", "dncnn", "laptop", "--sigma", "-1"], "--sigma -1.0: must be at least 0"),
        (["train", "dncnn", "laptop", "--sigma", "0", "nan"], "--sigma 0.0 nan: must be at least 0"),
        (["train", "dncnn", "laptop", "--test-sigmas", "15,-1"], "--test-sigmas 15.0 -1.0: must be at least 0"),
        (["train", "dncnn", "laptop", "--clip", "-1"], "--clip -1.0: must be above 0"),
        (["train", "dncnn", "laptop", "--lr", "nan"], "--lr nan: must be above 0"),
        (["train", "dncnn", "laptop", "--lr", "inf"], "--lr inf: must be above 0"),
        (["train", "dncnn", "laptop", "--lr", "-1e-3"], "--lr -0.001: must be above 0"),
        (["train", "dncnn", "laptop", "--ema", "1"], "--ema 1.0: must be between 0 and 1"),
        (["train", "dncnn", "laptop", "--milestones", "0.5", "2"], "--milestones 0.5 2.0: must be between 0 and 1"),
        (["train", "dncnn", "laptop", "--gamma", "0"], "--gamma 0.0: must be above 0"),
        (["train", "dncnn", "laptop", "--width", "0"], "--width 0: must be at least 1"),
        (["train", "dncnn", "laptop", "--batch-size", "0"], "--batch-size 0: must be at least 1"),
        (["train", "dncnn", "laptop", "--seed", "-1"], "--seed -1: must be from 0 to"),
        (["train", "dncnn", "laptop", "--workers", "-1"], "--workers -1: must be from 0 to"),
        (["train", "dncnn", "laptop", "--workers", "1000000"], "--workers 1000000: must be from 0 to"),
        (["train", "dncnn", "laptop", "--devices", "1000000"], "--devices 1000000: must be from 1 to"),
        (["train", "dncnn", "laptop", "--save-every", "nan"], "--save-every nan: must be at least 0"),
        (["train", "dvgo", "laptop", "--voxels", "0"], "--voxels 0: must be at least 1"),
        (["train", "safmn", "laptop", "--scale", "0"], "--scale 0: must be above 0"),
        (["train", "sun_deblurring", "laptop", "--border", "-3"], "--border -3: must be at least 0"),
        (["apply", "a.png", "-o", "b.png", "--weights", "w", "--memory", "-1"], "--memory -1: must be from 1 to"),
        (["apply", "a.png", "-o", "b.png", "--weights", "w", "--sigma", "-1"], "--sigma -1.0: must be at least 0"),
        (["apply", "a.png", "-o", "b.png", "--weights", "w", "--solver-steps", "0"], "--solver-steps 0: must be at least 1"),
        (["apply", "flight", "-o", "b.mp4", "--weights", "w", "--frames", "1"], "--frames 1: must be at least 2"),
        (["evaluate", "w.pth", "--test-sigmas", "15", "-5"], "--test-sigmas 15.0 -5.0: must be at least 0"),
        (["evaluate", "w.pth", "--test-sigmas", "inf"], "--test-sigmas inf: must be at least 0"),
        (["evaluate", "w.pth", "--threads", "0"], "--threads 0: must be from 1 to"),
        (["data", "make", "scene", "-o", "scene", "--views", "0"], "--views 0: must be at least 1"),
        (["data", "make", "noisy-pairs", "--from", "embedded", "-o", "p.pkl", "--size", "0"], "--size 0: must be at least 1"),
    ],
)
def test_a_number_outside_its_range_is_named_with_the_range(darkroom, tmp_path: Path, monkeypatch, words, line):
    monkeypatch.chdir(tmp_path)
    code, out, error = darkroom(*words)
    assert code == 2 and out == ""
    assert error.startswith(f"darkroom: {line}")
    assert len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_the_traceback(darkroom):
    with pytest.raises(DarkroomError):
        darkroom("evaluate", "nothing.pth", "--debug")


def test_a_reader_that_ends_early_is_one_line():
    code = "import sys; from darkroom.cli.main import main; sys.argv = ['darkroom', '--help']; sys.stdout.reconfigure(write_through=True); main()"
    reading, writing = os.pipe()
    os.close(reading)
    found = subprocess.run([sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert found.returncode == 2
    assert found.stderr == "darkroom: the output cannot be written any more: [Errno 32] Broken pipe\n"
