import json
from pathlib import Path

from PIL import Image

from darkroom.core.errors import DarkroomError


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


def test_several_test_sets_have_a_table_each(darkroom, foreign: Path, photos: Path, tmp_path: Path):
    other = tmp_path / "others"
    other.mkdir()
    Image.open(photos / "p0.png").save(other / "one.png")
    words = ["evaluate", foreign, "--test-set", photos, other, "--test-sigmas", "15,25", "--accelerator", "cpu"]
    code, out, error = darkroom(*words, "--output", tmp_path / "r.jsonl")
    assert code == 0, error
    assert "photos, 4 images" in out and "others, 1 image" in out
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    found = {(line["dataset"], line["variant"]["sigma"]) for line in lines if line["method"] == "dncnn.pth"}
    assert found == {(name, sigma) for name in ("photos", "others") for sigma in (15, 25)}


def test_output_is_written_after_every_evaluation(darkroom, foreign: Path, photos: Path, tmp_path: Path, monkeypatch):
    from darkroom.evaluations.paired_images import PairedImages

    original, counted = PairedImages.evaluate, []

    def fails_at_the_second(self, *arguments):
        counted.append(self)
        if len(counted) == 2:
            raise DarkroomError("the second fails")
        return original(self, *arguments)

    monkeypatch.setattr(PairedImages, "evaluate", fails_at_the_second)
    monkeypatch.setattr("darkroom.workflows.evaluate.INSTANT", frozenset())
    words = ["evaluate", foreign, "--test-set", photos, "--test-sigmas", 11, 13, "--accelerator", "cpu"]
    code, _, error = darkroom(*words, "--output", tmp_path / "r.jsonl")
    assert code == 2 and "the second fails" in error
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert {(line["method"], line["variant"]["sigma"]) for line in lines} == {("dncnn.pth", 11)}
