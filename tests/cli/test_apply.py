from pathlib import Path

import numpy as np
from PIL import Image


def test_a_folder_is_restored_and_failures_are_reported(darkroom, foreign: Path, photos: Path, tmp_path: Path):
    (photos / "broken.png").write_bytes(b"rubbish")
    code, _, error = darkroom("apply", photos, "-o", tmp_path / "out", "--weights", foreign)
    assert code == 2
    assert "skipped" in error
    assert "broken.png" in error
    assert "4 of 5 images restored" in error
    assert "1 of 5 images could not be restored" in error.splitlines()[-1]
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == ["p0.png", "p1.png", "p2.png", "p3.png", "restored.jsonl"]


def test_a_file_becomes_a_file_of_another_format(darkroom, foreign: Path, photos: Path, tmp_path: Path):
    code, _, error = darkroom(
        "apply", photos / "p0.png", "--output", tmp_path / "one.jpg", "--weights", foreign, "--threads", 1
    )
    assert code == 0, error
    assert Image.open(tmp_path / "one.jpg").size == (56, 48)


def test_a_blurred_image_is_deblurred(darkroom, foreign: Path, photos: Path, tmp_path: Path):
    np.savez(tmp_path / "k.npz", one=np.ones((3, 3)), two=np.ones((5, 1)))
    words = ["apply", photos, "-o", tmp_path / "sharp", "--weights", foreign, "--solver-steps", 2]
    code, _, error = darkroom(*words, "--kernel", f"{tmp_path / 'k.npz'}:two", "--sigma", 5)
    assert code == 0, error
    assert [Image.open(path).size for path in (tmp_path / "sharp").glob("*.png")] == [(56, 48)] * 4
    for more, line in [
        (["--kernel", tmp_path / "k.npz"], "has 2 kernels: choose one of one, two"),
        (["--kernel", tmp_path / "no.npz"], "no kernel file at"),
        (["--kernel", f"{tmp_path / 'k.npz'}:one", "--sigma", 0], "4 of 4 images could not be restored"),
    ]:
        code, _, error = darkroom(*words, *more)
        assert code == 2 and line in error and "Traceback" not in error


def test_a_noise_level_without_effect_is_said(darkroom, foreign: Path, photos: Path, tmp_path: Path):
    words = ["apply", photos / "p0.png", "-o", tmp_path / "one.png", "--weights", foreign]
    code, _, error = darkroom(*words, "--sigma", 25)
    assert code == 0 and "--sigma 25 has no effect: these weights are not noise-conditional" in error
    code, _, error = darkroom(*words)
    assert code == 0 and "no effect" not in error
