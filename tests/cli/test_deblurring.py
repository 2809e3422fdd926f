"""A tiny kernel network from the first word to the last: train, evaluate, report, apply with its kernels; and the data makers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from darkroom.core.randomness import generator
from darkroom.networks.kernel_net import KernelNet
from tests.tiny import flags, write_photos

SETTINGS = dict(width=2, basis=2, segments=2, patch_size=44, batch_size=2, steps=4, image_count=1, solver_steps=2)


@pytest.mark.long
def test_kernels_are_trained_evaluated_reported_and_applied(darkroom, tmp_path: Path):
    photos = write_photos(tmp_path / "photos")
    words = ["train", "kernels", "laptop", "--out", tmp_path / "runs", "--accelerator", "cpu"]
    code, out, error = darkroom(*words, *flags(**SETTINGS, train_set=str(photos), test_set=str(photos)))
    assert code == 0, error
    run = tmp_path / "runs" / "kernels" / "laptop"
    assert "kernel L1" in out and "reblur PSNR" in out and "true kernels" in out
    shown = {path.stem for path in (run / "previews").rglob("*.png")}
    assert {"estimated-kernels", "true-kernels", "basis-and-masks", "ours", "no-blur"} <= shown
    curves = (run / "metrics.jsonl").read_text()
    assert '"validation"' in curves and "kernel_l1" in curves and '"solver"' in curves
    code, _, error = darkroom("report", run)
    assert code == 0 and (run / "report.html").is_file(), error
    words = ["apply", photos / "p0.png", "-o", tmp_path / "sharp.png", "--weights", run, "--solver-steps", 2]
    code, _, error = darkroom(*words, "--show-kernels")
    assert code == 0, error
    assert "sharp_kernels.png and" in error
    assert [Image.open(tmp_path / name).size for name in ("sharp.png", "sharp_kernels.png")] == [(56, 48)] * 2
    code, _, error = darkroom("evaluate", run)
    assert code == 0, error


def test_show_kernels_needs_a_kernel_network_and_a_kernel_network_needs_no_kernel(
    darkroom, foreign: Path, photos: Path, tmp_path: Path
):
    code, _, error = darkroom("apply", photos / "p0.png", "-o", tmp_path / "a.png", "--weights", foreign, "--show-kernels")
    assert code == 0 and "--show-kernels has no effect: these weights estimate no kernels" in error
    torch.save(KernelNet(2, 2).initialise(generator(0)).state_dict(), tmp_path / "kernels.pth")
    np.savez(tmp_path / "k.npz", one=np.ones((3, 3)))
    words = ["apply", photos / "p0.png", "-o", tmp_path / "b.png", "--weights", tmp_path / "kernels.pth"]
    code, _, error = darkroom(*words, "--kernel", tmp_path / "k.npz")
    assert code == 2 and "these weights estimate the kernels themselves" in error and "Traceback" not in error


def test_pairs_are_made_of_photographs_and_of_frames(darkroom, photos: Path, tmp_path: Path):
    code, out, error = darkroom(
        "data", "make", "shaken", "--from", photos, "-o", tmp_path / "pairs", "--support", 9, "--segments", 2
    )
    assert code == 0 and "4 pairs in blur and sharp; blurred in linear light" in out, error
    assert Image.open(tmp_path / "pairs" / "blur" / "p3.png").size == (48, 40)
    code, out, error = darkroom(
        "data", "make", "frame-blur", "--from", photos, "-o", tmp_path / "scene", "--frames", 3, "--step", 1
    )
    assert code == 0 and "2 pairs of 3 frames each" in out, error
    assert sorted(path.name for path in (tmp_path / "scene").iterdir()) == ["blur", "blur_gamma", "sharp"]
    for words, line in [
        (["shaken", "--from", photos, "-o", tmp_path / "x"], "smaller than a blur kernel of 65x65"),
        (["shaken", "--from", photos, "-o", tmp_path / "x", "--support", 8], "odd number of pixels from 3 on, given 8"),
        (["frame-blur", "--from", photos, "-o", tmp_path / "x", "--frames", 4], "--frames 4: an odd number"),
        (["frame-blur", "--from", tmp_path / "no.mp4", "-o", tmp_path / "x"], "no video at"),
    ]:
        code, _, error = darkroom("data", "make", *words)
        assert code == 2 and line in error and "Traceback" not in error
    for command in ("shaken", "frame-blur"):
        code, out, _ = darkroom("data", "make", command, "--help")
        assert code == 0 and f"darkroom data make {command}" in out


def test_kernels_are_not_learned_from_pairs_without_kernels(darkroom, tmp_path: Path):
    code, _, error = darkroom("train", "kernels", "laptop", "--train-set", "gopro", "--out", tmp_path)
    assert code == 2 and "kernels are learned from sharp images, which are shaken by known kernels" in error
