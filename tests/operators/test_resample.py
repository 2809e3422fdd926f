from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as torchvision

from darkroom.core import images
from darkroom.core.errors import DarkroomError
from darkroom.core.method import Example
from darkroom.data.embedded import embedded
from darkroom.data.named_sets import evaluation_images
from darkroom.metrics.fidelity import luma, psnr_y, ssim_y
from darkroom.operators.resample import DownscaledPair, Upscaling, downscale, keys_cubic, resize, upscale, upscalings

UNUSED = torch.Generator()
MODES = {
    "nearest": InterpolationMode.NEAREST,
    "bilinear": InterpolationMode.BILINEAR,
    "bicubic": InterpolationMode.BICUBIC,
}


def photo(height: int, width: int) -> torch.Tensor:
    return images.to_float(embedded("heldout")[0])[None, :, 50 : 50 + height, 100 : 100 + width]


@pytest.mark.parametrize("kernel", list(MODES))
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize(("height", "width"), [(30, 41), (120, 77)])
def test_torch_kernels_are_torchvisions(kernel: str, antialias: bool, height: int, width: int):
    image = photo(60, 82)
    expected = torchvision.resize(image, [height, width], MODES[kernel], antialias=antialias)
    torch.testing.assert_close(resize(image, height, width, kernel, antialias=antialias), expected)


@pytest.mark.parametrize(("height", "width"), [(32, 48), (20, 31), (128, 192)])
def test_matlabs_bicubic_is_pillows_away_from_the_border(height: int, width: int):
    """Pillow has the same kernel and the same antialiasing; only its boundary condition differs."""
    image = photo(64, 96)[:, :1]
    ours = resize(image, height, width, "matlab")[0, 0].numpy()
    theirs = np.asarray(Image.fromarray(image[0, 0].numpy(), "F").resize((width, height), Image.Resampling.BICUBIC))
    edge = 10
    np.testing.assert_allclose(ours[edge:-edge, edge:-edge], theirs[edge:-edge, edge:-edge], atol=2e-5)


def test_matlabs_bicubic_continues_the_image_by_reflection():
    image = photo(16, 20)
    mirrored = torch.nn.functional.pad(image, (0, 20, 0, 16), mode="replicate")
    mirrored[..., :16, 20:] = image.flip(-1)
    mirrored[..., 16:, :20] = image.flip(-2)
    mirrored[..., 16:, 20:] = image.flip(-1, -2)
    around = mirrored.roll((8, 10), (-2, -1)).repeat(1, 1, 3, 3)
    whole = downscale(around, 2, "matlab")
    torch.testing.assert_close(downscale(image, 2, "matlab"), whole[..., 20:28, 25:35], atol=1e-6, rtol=0)


def test_the_published_bicubic_on_set5(real_data: Path):
    """33.66 dB and 0.9299: Y in floating point, downscaled and upscaled; 8-bit colour gives 0.01 dB less."""
    scores = {"y": [], "ssim": [], "colour": []}
    for image in evaluation_images("set5"):
        clean = images.to_float(image)
        for name, source, rounded in (("y", luma(clean[None])[0], False), ("colour", clean, True)):
            pair = DownscaledPair(2, "matlab", quantised=rounded)(source, UNUSED)
            prediction, target = upscale(pair.input[None], 2, "matlab"), pair.target[None]
            scores[name].append(psnr_y(2)(prediction, target).item())
            if name == "y":
                scores["ssim"].append(ssim_y(2)(prediction, target).item())
    assert np.mean(scores["y"]) == pytest.approx(33.66, abs=0.005)
    assert np.mean(scores["ssim"]) == pytest.approx(0.9299, abs=1e-4)
    assert np.mean(scores["colour"]) == pytest.approx(33.66, abs=0.02)


@given(x=st.floats(-3, 3))
def test_keys_kernel_interpolates(x: float):
    assert keys_cubic(torch.arange(-2.0, 3.0)).tolist() == [0, 0, 1, 0, 0]
    shifted = keys_cubic(torch.tensor(x) - torch.arange(-6.0, 7.0))
    assert shifted.sum().item() == pytest.approx(1, abs=1e-5)
    assert (shifted * torch.arange(-6.0, 7.0)).sum().item() == pytest.approx(x, abs=1e-4)


@given(height=st.integers(1, 40), width=st.integers(1, 40), to=st.tuples(st.integers(1, 90), st.integers(1, 90)))
def test_a_constant_image_stays_constant(height: int, width: int, to: tuple[int, int]):
    for kernel in ("nearest", "bilinear", "bicubic", "matlab"):
        resized = resize(torch.full((1, 2, height, width), 0.3), *to, kernel)
        assert resized.shape == (1, 2, *to)
        torch.testing.assert_close(resized, torch.full_like(resized, 0.3))


@given(height=st.integers(2, 30), width=st.integers(2, 30), scale=st.integers(2, 4))
def test_a_pair_is_cropped_to_multiples_of_the_scale(height: int, width: int, scale: int):
    clean = torch.rand(3, height, width)
    if min(height, width) < scale:
        with pytest.raises(DarkroomError, match=f"{width}x{height} pixels is too small to be downscaled by {scale}"):
            DownscaledPair(scale)(clean, UNUSED)
        return
    pair = DownscaledPair(scale)(clean, UNUSED)
    assert pair.input.shape == (3, height // scale, width // scale)
    assert torch.equal(pair.target, clean[:, : height // scale * scale, : width // scale * scale])
    assert torch.equal(pair.input, images.round_to_8_bits(pair.input))
    batch = Example(pair.input[None], pair.target[None])
    assert all(baseline(batch).shape == pair.target[None].shape for baseline in upscalings(scale).values())


def test_antialiasing_suppresses_high_frequencies():
    noise = torch.randn(1, 1, 128, 128, generator=torch.Generator().manual_seed(0))
    for kernel in ("bilinear", "bicubic"):
        assert downscale(noise, 4, kernel).std() < 0.6 * downscale(noise, 4, kernel, antialias=False).std()


def test_a_scale_that_does_not_divide_is_refused():
    with pytest.raises(DarkroomError, match="7x5 cannot be downscaled by 2"):
        downscale(torch.zeros(1, 3, 5, 7), 2)


def test_an_upscaling_is_a_predictor_of_batches():
    pair = Example(photo(10, 12), photo(20, 24))
    assert torch.equal(Upscaling(2, "bilinear")(pair), upscale(pair.input, 2, "bilinear"))


def test_a_degradation_is_described_by_scale_kernel_antialiasing_and_rounding():
    assert str(DownscaledPair(4, "bilinear", quantised=False)) == (
        "downscaled by 4 with bilinear (antialiased), neither clipped nor rounded"
    )
    pairs = [
        DownscaledPair(scale, kernel, antialias, quantised)
        for scale in (2, 4)
        for kernel in ("bilinear", "bicubic")
        for antialias in (True, False)
        for quantised in (True, False)
    ]
    assert len(set(map(str, pairs))) == 16
    # Antialiasing has no effect on these two kernels, so it must not make a difference to the words either.
    for kernel in ("nearest", "matlab"):
        assert str(DownscaledPair(2, kernel, True)) == str(DownscaledPair(2, kernel, False))
