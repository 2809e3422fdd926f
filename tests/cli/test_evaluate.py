import json
from pathlib import Path

from PIL import Image


def test_foreign_weights_on_a_folder(darkroom, foreign: Path, photos: Path, tmp_path: Path):
    words = ["evaluate", foreign, "--test-set", photos, "--test-sigmas", 15, 25, "--output", tmp_path / "r.jsonl"]
    code, out, error = darkroom(*words, "--accelerator", "cpu")
    assert code == 0, error
    assert "dncnn.pth" in out
    assert "sigma 15" in out
    assert "neither clipped nor rounded" in out
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    found = {(line["method"], line["metric"], line["variant"]["sigma"]) for line in lines}
    assert found >= {(m, metric, s) for m in ("dncnn.pth", "noisy input") for metric in ("psnr", "ssim") for s in (15, 25)}
    assert all(line["count"] == 4 and len(line["values"]) == 4 for line in lines)


def test_a_trained_run(darkroom, trained):
    code, out, error = darkroom("evaluate", trained.folder, "--test-set", trained.photos, "--test-sigmas", 25)
    assert code == 0, error
    assert "laptop" in out and "BM3D" in out  # the baselines of training are in the cache


def test_networks_of_different_scales_share_no_table(darkroom, foreign: Path, foreign_x2: Path):
    code, _, error = darkroom("evaluate", foreign, foreign_x2)
    assert code == 2 and "not comparable in one table" in error


def test_an_image_that_is_too_small_is_named(darkroom, foreign_x2: Path, photos: Path):
    Image.new("RGB", (1, 1)).save(photos / "dot.png")
    code, _, error = darkroom("evaluate", foreign_x2, "--test-set", photos)
    assert code == 2 and "dot.png: an image of 1x1 pixels is too small" in error
