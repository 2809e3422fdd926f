"""JPEG compression against Pillow's own files, and the statistics of photographic noise."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.operators.jpeg import JPEG, CompressedPair, compress
from darkroom.operators.photographic_noise import PhotographicNoise, filtered
from darkroom.operators.resample import DownscaledPair
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


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 2, 5), (1, 30, 30)])
def test_photographic_noise_takes_any_size(shape: tuple[int, int, int]):
    noise = PhotographicNoise((0.0, 50.0), white=0.0, clean=0.0)
    assert all(noise(torch.rand(shape), generator(n))[0].shape == shape for n in range(12))
