import base64
import dataclasses
import io
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from darkroom.core.images import ImageFile, write
from darkroom.report.collect import rows_below
from darkroom.report.previews import Previews, previews, samples
from tests.report.runs import PSNR, denoising_run, evaluation, grey, result, run_record, write_run

EXAMPLE = Path("previews") / "bsd68--sigma-25" / "test001"


def shown(path: Path) -> Previews:
    return previews(rows_below([path])[0])


def decoded(address: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(address.split(",")[1])))


def test_an_image_is_shown_with_every_method_of_every_row(tmp_path: Path):
    denoising_run(tmp_path / "a")
    denoising_run(tmp_path / "b", settings={"steps": 7})
    found = shown(tmp_path)
    (comparison,) = found.comparisons
    labels = [label for label, _ in comparison.views]
    assert labels == ["input", "BM3D", "dncnn s25", "dncnn s25 (steps=7)", "target"]  # the noisy input is the input
    assert comparison.title == "BSD68, σ = 25: test001"
    assert (comparison.left, labels[comparison.right]) == (0, "dncnn s25")
    psnr = {crop.label: crop.psnr for crop in comparison.crops}
    assert psnr["input"] is None and psnr["target"] is None
    assert psnr["dncnn s25"] == pytest.approx(-20 * math.log10(77 / 255))  # grey levels 153 and 230
    assert not found.singles and not found.unreadable


def test_the_crop_is_the_most_detailed_one_and_the_same_of_a_smaller_input(tmp_path: Path):
    place = denoising_run(tmp_path) / EXAMPLE
    shutil.rmtree(place)
    target = torch.zeros(1, 256, 192)
    target[:, 152:248, 88:184] = torch.rand(1, 96, 96)
    noisy = (target + 0.1 * torch.rand(1, 256, 192)).clamp(0, 1)
    write(place / "target.png", ImageFile(target))
    write(place / "ours.png", ImageFile(noisy))
    write(place / "input.png", ImageFile(torch.nn.functional.avg_pool2d(target, 2)))
    (comparison,) = shown(tmp_path).comparisons
    crops = {crop.label: np.asarray(decoded(crop.address).convert("L")) for crop in comparison.crops}
    assert crops["target"].shape == (96, 96) and crops["input"].shape == (48, 48)
    assert np.array_equal(crops["target"], (target[0, 152:248, 88:184] * 255).round().byte().numpy())
    small = crops["target"].astype(float).reshape(48, 2, 48, 2).mean((1, 3))
    assert np.abs(small - crops["input"]).max() <= 1.5
    psnr = {crop.label: crop.psnr for crop in comparison.crops}["dncnn s25"]
    assert psnr == pytest.approx(peak_signal_noise_ratio(crops["target"], crops["dncnn s25"]))


def test_equal_images_have_an_infinite_psnr(tmp_path: Path):
    folder = denoising_run(tmp_path)
    grey(folder / EXAMPLE / "ours.png", 0.9)
    assert {crop.label: crop.psnr for crop in shown(tmp_path).comparisons[0].crops}["dncnn s25"] == math.inf


def test_without_a_metric_of_fidelity_there_is_no_psnr(tmp_path: Path):
    accuracy = dataclasses.replace(PSNR, title="accuracy", quality="other")
    folder = denoising_run(tmp_path, evaluations=[evaluation(psnr=accuracy, ssim=accuracy)])
    (comparison,) = shown(tmp_path).comparisons
    assert not comparison.has_psnr and len(comparison.crops) == 4
    (folder / EXAMPLE / "target.png").unlink()
    assert not shown(tmp_path).comparisons[0].has_psnr


def test_a_prediction_of_another_size_has_no_psnr(tmp_path: Path):
    folder = denoising_run(tmp_path)
    grey(folder / EXAMPLE / "ours.png", 0.5, 120, 180)
    psnr = {crop.label: crop.psnr for crop in shown(tmp_path).comparisons[0].crops}
    assert psnr["dncnn s25"] is None and psnr["BM3D"] is not None


def test_further_roles_are_shown_beside_the_input(tmp_path: Path):
    folder = denoising_run(tmp_path)
    grey(folder / EXAMPLE / "label-map.png", 0.7)
    (comparison,) = shown(tmp_path).comparisons
    assert [label for label, _ in comparison.views] == ["input", "label map", "BM3D", "dncnn s25", "target"]
    assert {crop.label: crop.psnr for crop in comparison.crops}["label map"] is None


def test_images_of_another_aspect_are_shown_alone(tmp_path: Path):
    folder = denoising_run(tmp_path)
    grey(folder / EXAMPLE / "spectrum.png", 0.7, 60, 60)
    found = shown(tmp_path)
    assert "spectrum" not in [label for label, _ in found.comparisons[0].views]
    assert [single.caption for single in found.singles] == ["BSD68, σ = 25: test001, spectrum"]


def test_single_images_are_shown_as_they_are(tmp_path: Path):
    """A grid of samples or a confusion matrix of every method: nothing to compare pixel by pixel."""
    for name, settings in (("a", {}), ("b", {"steps": 7})):
        results = [result(method, "psnr", 29.0) for method in ("ours", "BM3D")]
        folder = write_run(tmp_path / name, run_record(settings=settings), results)
        for method in ("ours", "BM3D"):
            grey(folder / "previews" / "bsd68--sigma-25" / "grid" / f"{method}.png", 0.5)
    found = shown(tmp_path)
    assert not found.comparisons
    assert [single.caption for single in found.singles] == [
        "BSD68, σ = 25: grid, BM3D",
        "BSD68, σ = 25: grid, dncnn s25",
        "BSD68, σ = 25: grid, dncnn s25 (steps=7)",
    ]
    assert decoded(found.singles[0].address).size == (90, 60)


def test_examples_of_unequal_protocols_are_kept_apart(tmp_path: Path):
    denoising_run(tmp_path / "a")
    denoising_run(tmp_path / "b", settings={"quantised": True}, evaluations=[evaluation("rounded to 8 bits")])
    assert [len(comparison.views) for comparison in shown(tmp_path).comparisons] == [4, 4]


def test_a_damaged_image_is_named_and_the_others_are_shown(tmp_path: Path):
    folder = denoising_run(tmp_path)
    (folder / EXAMPLE / "BM3D.png").write_bytes(b"not an image")
    content = (folder / EXAMPLE / "ours.png").read_bytes()
    (folder / EXAMPLE / "ours.png").write_bytes(content[: len(content) // 2])
    (folder / "samples" / "test001-0000200.png").write_bytes(b"")
    found = shown(tmp_path)
    assert [label for label, _ in found.comparisons[0].views] == ["input", "target"]
    assert ["BM3D.png" in line or "ours.png" in line for line in found.unreadable] == [True, True]
    ((row,), _) = rows_below([tmp_path])
    assert [single.caption for single in samples(row)] == ["test001, step 100"]


def test_few_samples_of_many_are_shown(tmp_path: Path):
    folder = denoising_run(tmp_path)
    for step in range(200, 1100, 100):
        grey(folder / "samples" / f"test001-{step:07d}.png", 0.5)
    grey(folder / "samples" / "grid-0000500.png", 0.5)
    grey(folder / "samples" / "cover.png", 0.5)
    ((row,), _) = rows_below([tmp_path])
    captions = [single.caption for single in samples(row)]
    assert captions == ["grid, step 500", *(f"test001, step {step:,}" for step in (100, 400, 700, 1000))]
