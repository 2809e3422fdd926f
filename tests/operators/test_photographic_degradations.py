"""JPEG compression against Pillow's own files, and the statistics of photographic noise and blur."""

import io
import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.operators.jpeg import JPEG, CompressedPair, compress
from darkroom.operators.photographic_blur import PhotographicBlur, disk, gaussian
from darkroom.operators.photographic_noise import PhotographicNoise, filtered
from darkroom.operators.resample import DownscaledPair
from darkroom.operators.shaken import ShakenPair
from darkroom.solvers.blockiness import blockiness


@pytest.fixture(scope="module")
def photo() -> torch.Tensor:
    return to_float(embedded("heldout")[0][:, 64:192, 64:192])


@pytest.mark.parametrize("channels", [1, 3])
def test_compression_is_that_of_pillows_files(channels: int, photo: torch.Tensor):
    pixels = (photo[:channels] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(file, "JPEG", quality=20)  # 4:2:0 by default
    expected = np.atleast_3d(np.asarray(Image.open(file))).transpose(2, 0, 1)
    assert torch.equal((compress(photo[:channels], 20) * 255).round().to(torch.uint8), torch.from_numpy(expected.copy()))


def test_quality_and_chroma_matter(photo: torch.Tensor):
    errors = [(compress(photo, quality) - photo).square().mean().item() for quality in (10, 30, 60, 90)]
    assert errors == sorted(errors, reverse=True)
    whole, halved = (compress(photo, 90, subsampling) for subsampling in ("4:4:4", "4:2:0"))
    assert (whole - photo).square().mean() < (halved - photo).square().mean()


def test_a_quality_is_drawn_from_the_generator_alone(photo: torch.Tensor):
    jpeg = JPEG((10.0, 90.0), "any")
    first, again, other = (jpeg(photo, generator(key)) for key in ("a", "a", "b"))
    assert torch.equal(first[0], again[0]) and first[1] == again[1] and first[1] != other[1]
    assert {round(100 * jpeg(photo, generator(n))[1].item()) for n in range(60)} <= set(range(10, 91))


@pytest.mark.parametrize(("quality", "subsampling"), [(0, "4:2:0"), (101, "4:2:0"), (50, "4:1:1")])
def test_what_is_not_jpeg_is_refused(quality: int, subsampling: str, photo: torch.Tensor):
    with pytest.raises(DarkroomError, match="JPEG"):
        compress(photo, quality, subsampling)


def test_a_pair_is_compressed_after_downscaling(photo: torch.Tensor):
    pair = DownscaledPair(2)
    example = CompressedPair(pair, JPEG(50.0))(photo, generator(0))
    assert torch.equal(example.input, compress(pair(photo, generator(0)).input, 50))
    assert torch.equal(example.target, photo)


def test_blocks_are_seen_after_compression_only(photo: torch.Tensor):
    seen = [blockiness(compress(photo, quality)) for quality in (10, 30, 60)]
    assert seen == sorted(seen, reverse=True) and seen[-1] > 1.1
    assert blockiness(photo) == pytest.approx(1, abs=0.1)
    assert blockiness(torch.rand(3, 20, 200)) == blockiness(torch.zeros(1, 64, 64)) == 1


def test_filtered_noise_has_unit_variance_and_is_correlated():
    field = filtered(torch.randn(3, 400, 400, generator=generator(0)), luma=0.8, chroma=1.5)
    torch.testing.assert_close(field.var((1, 2)), torch.ones(3), atol=0.05, rtol=0)
    assert abs(field.mean().item()) < 0.02
    neighbours = (field[..., 1:] * field[..., :-1]).mean().item()
    assert 0.5 < neighbours < 1


def test_shares_of_the_mixture_are_those_given():
    flat, count = torch.full((3, 16, 16), 0.5), 400
    draws = [PhotographicNoise(20.0, white=0.5, clean=0.2)(flat, generator("mixture", n)) for n in range(count)]
    clean = sum(level == 0 for _, level in draws)
    assert abs(clean / count - 0.2) < 0.06
    assert all(bool((255 * noisy - (255 * noisy).round()).abs().max() < 1e-3) for noisy, _ in draws)
    noises = [255 * (noisy - flat).std().item() for noisy, level in draws if level > 0]
    assert 15 < np.mean(noises) < 21  # compression removes some of it


def test_a_share_of_the_noise_is_the_same_in_all_channels():
    flat = torch.full((3, 16, 16), 0.5)
    grey = [len(PhotographicNoise(20.0, grey=0.3)(flat, generator("grey", n))[0].unique(dim=0)) == 1 for n in range(400)]
    clean = 0.08 + 0.92 * 0.3  # images without noise are grey here, too
    assert abs(sum(grey) / 400 - clean) < 0.06


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 2, 5), (1, 30, 30)])
def test_photographic_noise_takes_any_size(shape: tuple[int, int, int]):
    noise = PhotographicNoise((0.0, 50.0), white=0.0, clean=0.0)
    assert all(noise(torch.rand(shape), generator(n))[0].shape == shape for n in range(12))


@pytest.mark.parametrize("radius", [0.5, 0.75, 1.0, 2.3, 4.0])
def test_a_disk_covers_the_area_of_a_disk(radius: float):
    kernel = disk(11, radius)
    assert torch.equal(kernel, kernel.T) and torch.equal(kernel, kernel.flip(0))
    assert kernel[5, 5].item() == pytest.approx(min(1.0, 1 / (math.pi * radius**2)), rel=0.02), "all of this pixel is covered"
    if radius > 1:
        along = torch.arange(11.0) - 5
        assert (kernel.sum(0) * along.square()).sum().item() == pytest.approx(radius**2 / 4 + 1 / 12, rel=0.05)


def test_a_gaussian_kernel_is_scipys():
    point = np.zeros((25, 25))
    point[12, 12] = 1
    expected = gaussian_filter(point, 2.0, mode="constant", radius=12)
    np.testing.assert_allclose(gaussian(25, 2.0).numpy(), expected, atol=1e-7)


def test_photographs_are_blurred_by_shake_defocus_and_lens_and_some_are_sharp():
    blur = PhotographicBlur()
    kernels = torch.stack([blur(generator(number)) for number in range(400)]).double()
    assert kernels.shape[1:] == (25, 25) and kernels.min() >= 0
    torch.testing.assert_close(kernels.sum((1, 2)), torch.ones(400, dtype=torch.float64))
    sharp = (kernels.amax((1, 2)) > 0.999).double().mean()
    symmetric = (kernels - kernels.transpose(1, 2)).abs().amax((1, 2)).lt(1e-6).double().mean()
    assert sharp == pytest.approx(0.1, abs=0.05) and symmetric == pytest.approx(0.55, abs=0.08)
    along = torch.arange(25, dtype=torch.float64) - 12
    torch.testing.assert_close((kernels.sum(1) * along).sum(1), torch.zeros(400, dtype=torch.float64), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    "given", [dict(radius=13.0), dict(radius=(0.0, 1.0)), dict(spread=(2.0, 1.0)), dict(sharp=1.1), dict(support=8)]
)
def test_blur_that_is_none_is_refused(given: dict):
    with pytest.raises(DarkroomError, match="support"):
        PhotographicBlur(**given)


def test_the_noise_of_a_blurred_image_is_drawn_from_its_interval():
    flat = torch.full((1, 80, 80), 0.5)
    pair = ShakenPair(PhotographicBlur(), sigma=(2.0, 8.0), quantised=False)
    levels = torch.stack([255 * pair(flat, generator(number)).input.std() for number in range(60)])
    assert levels.min() < 3 and levels.max() > 7 and levels.min() > 1.8 and levels.max() < 8.2
