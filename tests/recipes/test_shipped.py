"""The networks of the package: that they are there, small, and better than what they are given."""

import importlib.resources
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from PIL import Image

from darkroom.core import weights
from darkroom.core.errors import DarkroomError
from darkroom.core.images import round_to_8_bits, to_float
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.metrics.fidelity import psnr, psnr_y
from darkroom.operators.jpeg import compress
from darkroom.operators.kernels import OneKernel
from darkroom.operators.motion import CameraShake
from darkroom.operators.noise import Gaussian
from darkroom.operators.photographic_blur import disk, gaussian
from darkroom.operators.resample import downscale, upscale
from darkroom.operators.shaken import ShakenPair
from darkroom.recipes import lookup, shipped, trained
from darkroom.recipes.paths import weights_path
from darkroom.workflows.evaluate import evaluate

NAMES = tuple(shipped.NETWORKS)


@pytest.fixture(scope="module")
def photos() -> torch.Tensor:
    return torch.stack([to_float(image[:, 120:312, 160:352]) for image in embedded("heldout")])


def restored(name: str, images: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return trained.network(weights_path(name)).eval()(images)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_says_what_it_is_and_fits_its_recipe(name: str):
    state, header = weights.load(shipped.find(name).weights)
    assert header["kind"] == "restoration" and header["recipe"] == "photographs" and header["row"] == name
    usual = lookup.row("photographs", name)
    assert header["settings"].keys() == usual.keys()
    assert {tensor.dtype for tensor in state.values()} == {torch.float16}
    assert trained.network(shipped.find(name).weights).scale == max(1, usual["scale"])


def test_all_files_together_are_small():
    assert sum(path.stat().st_size for path in shipped.FOLDER.glob("*.safetensors")) < 12e6


@pytest.mark.parametrize("name", NAMES)
def test_a_card_says_what_one_should_know(name: str):
    card = shipped.find(name).card
    for word in ("Data", "Licence", "Protocol", "Limits", "BSDS500", "dB", f"darkroom train photographs {name}"):
        assert word in card, word


@pytest.mark.parametrize(("sigma", "gain"), [(15.0, 5.0), (25.0, 7.0), (50.0, 9.0)])
def test_noise_is_removed(sigma: float, gain: float, photos: torch.Tensor):
    noisy = torch.stack([Gaussian(sigma, quantised=True)(image, generator(0))[0] for image in photos])
    assert (psnr(restored("denoise", noisy), photos) - psnr(noisy, photos)).mean() > gain


def test_a_clean_image_is_left_alone(photos: torch.Tensor):
    clean = round_to_8_bits(photos[:2])  # the third photograph has grain of its own
    assert psnr(restored("denoise", clean), clean).min() > 40


@pytest.mark.parametrize(("quality", "gain"), [(10, 0.8), (20, 0.8), (40, 0.6)])
def test_the_artefacts_of_jpeg_are_removed(quality: int, gain: float, photos: torch.Tensor):
    compressed = torch.stack([compress(image, quality) for image in photos])
    metric = psnr_y(0)
    assert (metric(restored("jpeg", compressed), photos) - metric(compressed, photos)).mean() > gain


@pytest.mark.parametrize(("scale", "gain"), [(2, 1.5), (4, 1.0)])
def test_enlarging_beats_bicubic(scale: int, gain: float, photos: torch.Tensor):
    small = downscale(photos, scale, "matlab")
    metric = psnr_y(scale)
    assert (metric(restored(f"enlarge_{scale}", small), photos) - metric(upscale(small, scale), photos)).mean() > gain


@pytest.mark.parametrize(("scale", "gain"), [(2, 0.4), (4, 0.2)])
def test_files_of_jpeg_are_enlarged_better_than_by_the_network_for_clean_images(scale: int, gain: float, photos: torch.Tensor):
    files = torch.stack([compress(round_to_8_bits(small), 50) for small in downscale(photos, scale, "matlab")])
    metric, clean = psnr_y(scale), restored(f"enlarge_{scale}", files)
    enlarged = metric(restored(f"enlarge_{scale}_jpeg", files), photos)
    assert (enlarged - metric(clean, photos)).mean() > gain and (enlarged - metric(upscale(files, scale), photos)).mean() > gain


BLURS = {
    "focus": disk(25, 2.0),
    "lens": gaussian(25, 1.5),
    "shake": CameraShake(25, length=12.0, exposures=(1.0,))(generator(0)),
}


@pytest.mark.parametrize(("kind", "gain"), [("focus", 1.0), ("lens", 1.0), ("shake", 0.4)])
def test_blur_is_removed(kind: str, gain: float, photos: torch.Tensor):
    pair = ShakenPair(OneKernel(BLURS[kind], kind), sigma=1.0)
    blurred, sharp = (torch.stack(images) for images in zip(*[pair(photo, generator(0))[:2] for photo in photos], strict=True))
    assert (psnr(restored("deblur", blurred), sharp) - psnr(blurred, sharp)).mean() > gain


def test_a_sharp_image_is_hardly_changed(photos: torch.Tensor):
    clean = round_to_8_bits(photos[:2])
    assert psnr(restored("deblur", clean), clean).min() > 36


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_and_float32_agree(name: str, photos: torch.Tensor):
    network = trained.network(weights_path(name)).eval()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        half = network(photos).float()
    assert (255 * (half - restored(name, photos))).abs().mean() < 0.5


def test_a_name_is_a_network_of_the_package_wherever_weights_are_given(tmp_path: Path):
    assert weights_path("denoise", tmp_path) == shipped.find("denoise").weights
    with pytest.raises(DarkroomError, match="denoise, jpeg"):
        shipped.find("sharpen")


def test_files_are_part_of_the_package_and_not_ignored_by_git():
    files = importlib.resources.files("darkroom") / "shipped"
    assert {f"{name}{ending}" for name in NAMES for ending in (".safetensors", ".md")} <= {
        file.name for file in files.iterdir()
    }
    root = shipped.FOLDER.parent.parent.parent  # hatchling leaves out what git ignores
    if shutil.which("git") and (root / ".git").exists():
        command = ["git", "check-ignore", *map(str, shipped.FOLDER.iterdir())]
        assert subprocess.run(command, cwd=root, capture_output=True, check=False).stdout == b""


def test_artefact_removal_is_evaluated_on_compressed_images(tmp_path: Path):
    pixels = embedded("heldout")[0][:, 100:196, 100:196].permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    results = evaluate("jpeg", str(tmp_path), test_qualities=[10.0], accelerator="cpu")
    scores = {result.method: result.value for result in results if result.metric == "psnr"}
    assert scores.keys() == {"jpeg.safetensors", "compressed input"}
    assert scores["jpeg.safetensors"] > scores["compressed input"] + 0.3
    assert results[0].variant == {"quality": 10}
