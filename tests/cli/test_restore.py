"""`darkroom restore` and `darkroom models` on files of all kinds."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darkroom.cli import processes
from darkroom.recipes import shipped


@pytest.fixture
def noisy() -> np.ndarray:
    ramp = np.linspace(40, 210, 64)[None, :, None] + np.zeros((48, 64, 3))
    return (ramp + np.random.default_rng(0).normal(0, 20, ramp.shape)).clip(0, 255).astype(np.uint8)


def restore(darkroom, *words: object) -> tuple[int, str, str]:
    return darkroom("restore", *words, "--accelerator", "cpu", "--threads", 1)


def test_a_photograph_is_restored_beside_itself_and_nothing_is_overwritten(darkroom, noisy: np.ndarray, tmp_path: Path):
    photo = tmp_path / "photo.png"
    Image.fromarray(noisy).save(photo)
    before = photo.read_bytes()
    for number in (1, 2):
        code, _, error = restore(darkroom, photo)
        assert code == 0, error
        assert "denoised: noise of sigma about" in error and "1 of 1 images restored" in error
        assert len(list(tmp_path.iterdir())) == 1 + number
    assert photo.read_bytes() == before
    clean = np.asarray(Image.open(tmp_path / "photo_restored.png")).astype(float)
    assert np.array_equal(clean, np.asarray(Image.open(tmp_path / "photo_restored_2.png")))
    ramp = np.linspace(40, 210, 64)[None, :, None]
    assert np.abs(clean - ramp).mean() < 0.4 * np.abs(noisy - ramp).mean()


def test_a_compressed_photograph_is_seen_to_be_one(darkroom, photos: Path, tmp_path: Path):
    from darkroom.data.embedded import embedded

    image = embedded("heldout")[0][:, 100:220, 100:260].permute(1, 2, 0).numpy()
    Image.fromarray(image).save(tmp_path / "photo.jpg", quality=15)
    code, _, error = restore(darkroom, tmp_path / "photo.jpg")
    assert code == 0 and "artefacts of JPEG removed" in error, error
    assert (tmp_path / "photo_restored.jpg").is_file()


def test_a_folder_with_images_of_all_kinds(darkroom, noisy: np.ndarray, tmp_path: Path):
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    images = {
        "grey.png": noisy[..., 0],
        "alpha.png": np.dstack([noisy, noisy[..., 0]]),
        "deep.png": noisy[..., 0].astype(np.uint16) * 257,
        "tiny.png": noisy[:1, :1],
        "thin.png": noisy[:1],
        "more/photo.bmp": noisy,
    }
    for name, array in images.items():
        Image.fromarray(array).save(folder / name)
    (folder / "broken.png").write_bytes(b"rubbish")
    (folder / "notes.txt").write_text("no image")
    code, _, error = restore(darkroom, folder)
    assert code == 2 and "6 of 7 images restored" in error and "broken.png" in error and "Traceback" not in error
    for name, array in images.items():
        result = np.asarray(Image.open(tmp_path / "photos_restored" / name))
        assert result.shape == array.shape and result.dtype == array.dtype, name
    alpha = np.asarray(Image.open(tmp_path / "photos_restored" / "alpha.png"))[..., 3]
    assert np.array_equal(alpha, images["alpha.png"][..., 3])


def test_the_command_runs_in_each_of_several_processes(darkroom, noisy: np.ndarray, tmp_path: Path, monkeypatch):
    folder, started, codes = tmp_path / "photos", [], [0, 0]
    folder.mkdir()
    for name in "ab":
        Image.fromarray(noisy[:16, :16]).save(folder / f"{name}.png")

    class Process:
        def __init__(self, words: list[str], env: dict[str, str], stdout: int | None) -> None:
            self.code = codes[len(started)]
            started.append((words[1:4], {name: env[name] for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}))

        def wait(self) -> int:
            return self.code

        def terminate(self) -> None:
            pass

    monkeypatch.setattr(processes.subprocess, "Popen", Process)
    words = (folder, "-o", tmp_path / "out", "--processes", 5)
    assert restore(darkroom, *words)[0] == 0
    assert started == [
        (["-m", "darkroom", "restore"], {"RANK": str(number), "WORLD_SIZE": "2", "LOCAL_RANK": str(number)})
        for number in range(2)
    ], "no more processes than files"
    for codes[1], line in (
        (-9, "of 2 processes 1 were killed (SIGKILL): the same command does the rest"),
        (2, "not everything"),
    ):
        started.clear()
        code, _, error = restore(darkroom, *words)
        assert code == 2 and line in error, error


def test_a_process_of_several_does_its_share_and_the_same_command_what_is_left(
    darkroom, noisy: np.ndarray, tmp_path: Path, monkeypatch
):
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    for name in "abc":
        Image.fromarray(noisy[:16, :16]).save(folder / f"{name}.png")
    with monkeypatch.context() as torchrun:
        for name, value in (("RANK", "1"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "1")):
            torchrun.setenv(name, value)
        code, _, error = restore(darkroom, folder, "-o", out, "--processes", 2)
    assert code == 0 and "process 2 of 2: 1 of 1 images restored" in error, error
    assert sorted(path.name for path in out.iterdir()) == ["b.png", "restored.1.jsonl"]
    code, _, error = restore(darkroom, folder, "-o", out)
    assert code == 0 and "2 of 3 images restored in" in error and "1 were restored before" in error, error
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "b.png", "c.png", "restored.jsonl"]


def test_a_strength_of_zero_changes_nothing(darkroom, noisy: np.ndarray, tmp_path: Path):
    Image.fromarray(noisy).save(tmp_path / "photo.png")
    out = tmp_path / "out.png"
    assert restore(darkroom, tmp_path / "photo.png", "-o", out, "--strength", 0, "--precision", "32")[0] == 0
    assert np.array_equal(np.asarray(Image.open(out)), noisy)


def test_mistakes_are_one_line(darkroom, noisy: np.ndarray, tmp_path: Path):
    photo = tmp_path / "photo.png"
    Image.fromarray(noisy).save(photo)
    for words, line in [
        ([], "which image?"),
        ([tmp_path / "no.png"], "no image or folder at"),
        ([photo, "-o", photo], "would be overwritten"),
        ([photo, "--strength", 2], "from 0 to 1"),
        ([photo, "--task", "sharpen"], "--task"),
    ]:
        code, _, error = restore(darkroom, *words)
        assert code == 2 and line in error and "Traceback" not in error, error


def test_models_are_listed_and_their_cards_printed(darkroom):
    code, out, _ = darkroom("models")
    assert code == 0 and all(name in out for name in shipped.NETWORKS)
    code, out, _ = darkroom("models", "card", "denoise")
    assert code == 0 and out.strip() == shipped.find("denoise").card.strip()
    code, _, error = darkroom("models", "card", "sharpen")
    assert code == 2 and "there are denoise" in error


def test_weights_are_packed(darkroom, tmp_path: Path):
    out = tmp_path / "packed.safetensors"
    code, text, error = darkroom("models", "pack", shipped.find("denoise").weights, "-o", out)
    assert code == 0, error
    assert "by at most 0.00 of 255 levels" in text and out.read_bytes() == shipped.find("denoise").weights.read_bytes()
