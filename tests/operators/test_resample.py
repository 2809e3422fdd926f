from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import get_args

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
from darkroom.metrics.fidelity import luma_uint8, psnr_within, psnr_y, psnr_y_uint8, ssim_within
from darkroom.operators.resample import DownscaledPair, Kernel, Upscaling, downscale, keys_cubic, resize, upscale, upscalings

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
    ours = resize(image, height, width, "matlab_float")[0, 0].numpy()
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
    whole = downscale(around, 2, "matlab_float")
    torch.testing.assert_close(downscale(image, 2, "matlab_float"), whole[..., 20:28, 25:35], atol=1e-6, rtol=0)


LEVELS = """
116 227 153  69 146 194  59 130 139 106
  2  47 137 249  90  75  16  24 158  44
155  68  46  84 166 156  69 204  32 152
 71 221 137 230 210 153 192 115  30 118
107 143 108  52  51  73 101  21 175  90
 54 158 143  77  26 168 113 229 165 225
  9  47 133 135 130 207 236  43  19  73
129  60  59 243  64 181 249  56  32  86
"""
HALF_AS_LARGE = """
105 140 126  81 109
110 134 153 114  93
108 108  94 127 146
 67 126 162 149  62
"""
THREE_HALVES_AS_LARGE = """
116 187 237 171  94  61 135 191 187  75  91 142 140 124 108
 43  92 143 149 164 163 119 123 118  44  38  80 151 118  62
 13  21  47 107 195 228 115  81  70  24  19  56 137 105  48
146  98  49  49  71 107 148 159 132  58 124 176  61  85 146
118 139 144  92 116 168 201 188 159 140 167 158  27  69 153
 61 151 218 145 174 219 201 164 146 187 148  84  48  76 115
102 132 151 119  90  72  72  72  83 114  60  31 144 130  80
 81 121 154 133  87  41  19  67 116  95 108 140 183 180 163
 37  95 152 150 117  73  35 108 179 130 174 214 153 176 219
  3  29  73 131 136 120 116 162 214 229 147  54  35  62  96
 67  54  51  83 153 187 111 141 210 255 149  22  13  42  74
142  99  53  43 164 237  77 103 197 254 159  42  31  59  91
"""


@pytest.mark.parametrize("result", [HALF_AS_LARGE, THREE_HALVES_AS_LARGE])
def test_matlabs_bicubic_on_uint8_is_matlabs(result: str):
    """`imresize(uint8(…), 0.5, 'bicubic')` and 1.5 in MATLAB, as printed in the tests of GNU Octave's image package."""
    image, expected = (np.array([row.split() for row in table.strip().splitlines()], int) for table in (LEVELS, result))
    ours = resize(torch.from_numpy(image / 255)[None, None].float(), *expected.shape, "matlab")
    assert torch.equal(ours, torch.from_numpy(expected)[None, None].float() / 255)
    rounded_once = images.round_to_8_bits(resize(torch.from_numpy(image / 255)[None, None], *expected.shape, "matlab_float"))
    assert not torch.equal(rounded_once, ours)


def exact_bicubic(levels: np.ndarray, length: int) -> np.ndarray:
    """The levels 0 to 255 of a uint8 image, resampled along the first axis in rational numbers, halves rounded upwards."""
    scale = Fraction(length, len(levels))
    narrow = min(scale, Fraction(1))

    def kernel(x: Fraction) -> Fraction:
        x = abs(x)
        return (3 * x**3 - 5 * x**2 + 2) / 2 if x <= 1 else (-(x**3) + 5 * x**2 - 8 * x + 4) / 2 if x < 2 else Fraction(0)

    rows = []
    for i in range(length):
        centre = (i + Fraction(1, 2)) / scale - Fraction(1, 2)
        places = range(ceil(centre - 2 / narrow), floor(centre + 2 / narrow) + 1)
        weights = [kernel(narrow * (centre - place)) for place in places]
        mirrored = [place % (2 * len(levels)) for place in places]
        taken = [levels[min(place, 2 * len(levels) - 1 - place)] for place in mirrored]
        sums = sum(weight / sum(weights) * row.astype(object) for weight, row in zip(weights, taken, strict=True))
        rows.append([min(max(floor(x + Fraction(1, 2)), 0), 255) for x in sums])
    return np.array(rows)


@pytest.mark.parametrize(("height", "width"), [(12, 10), (6, 5), (48, 40), (12, 40), (48, 10), (8, 10), (30, 12)])
def test_matlabs_bicubic_on_uint8_is_exact_and_rounds_after_each_axis(height: int, width: int):
    image = np.random.default_rng(0).integers(0, 256, (24, 20))
    if height / 24 <= width / 20:  # the smaller scale first, rows where they are equal
        expected = exact_bicubic(exact_bicubic(image, height).T, width).T
    else:
        expected = exact_bicubic(exact_bicubic(image.T, width).T, height)
    ours = resize(torch.from_numpy(image / 255)[None, None].float(), height, width, "matlab")
    difference = np.abs((255 * ours[0, 0]).round().int().numpy() - expected)
    dyadic = (
        48 % height == 0 and 40 % width == 0
    )  # else weights have errors of 1e-16, and a half may be rounded to the other side
    assert difference.max() <= (0 if dyadic else 1) and (difference > 0).mean() < 0.01


def test_matlabs_bicubic_is_defined_on_8_bit_images():
    image = torch.rand(1, 3, 20, 30, generator=torch.Generator().manual_seed(0)) * 1.2 - 0.1
    rounded = images.round_to_8_bits(image)
    for scale in (2, 5):
        small = downscale(image, scale, "matlab")
        assert torch.equal(small, downscale(rounded, scale, "matlab")) and torch.equal(small, images.round_to_8_bits(small))
    assert upscale(image, 2, "matlab_float").max() > 1 >= upscale(image, 2, "matlab").max()


def test_resampling_in_an_evaluation_leaves_nothing_behind_that_training_cannot_use():
    with torch.inference_mode():
        downscale(torch.rand(1, 3, 26, 34), 2, "matlab_float")
    image = torch.rand(1, 3, 26, 34, requires_grad=True)
    downscale(image, 2, "matlab_float").sum().backward()
    assert image.grad is not None and image.grad.sum().item() == pytest.approx(3 * 13 * 17, rel=1e-4)


@pytest.mark.parametrize(("scale", "psnr", "ssim"), [(2, 33.66, 0.9299), (4, 28.42, 0.8104)])
def test_the_published_bicubic_on_set5(real_data: Path, scale: int, psnr: float, ssim: float):
    """SRCNN's script: luma rounded to 8 bits, downscaled and upscaled in floating point, and rounded."""
    scores = []
    for image in evaluation_images("set5"):
        y = luma_uint8(images.to_float(image)[None])[0].float()
        pair = DownscaledPair(scale, "matlab_float", quantised=False)(y, UNUSED)
        prediction, target = upscale(pair.input[None], scale, "matlab_float"), pair.target[None]
        scores.append([metric(scale)(prediction, target).item() for metric in (psnr_within, ssim_within)])
    assert np.mean(scores, 0) == pytest.approx([psnr, ssim], abs=0.005)
    assert np.mean(scores, 0)[1] == pytest.approx(ssim, abs=1e-4)


def test_bicubic_upscaling_of_8_bit_colour_images_on_set5(real_data: Path):
    """What a network is compared with: 0.01 dB more than published if luma is not rounded, 0.02 dB less if it is."""
    scores = []
    for image in evaluation_images("set5"):
        pair = DownscaledPair(2)(images.to_float(image), UNUSED)
        prediction = upscalings(2)["bicubic"](Example(pair.input[None], pair.target[None]))
        scores.append([metric(2)(prediction, pair.target[None]).item() for metric in (psnr_y, psnr_y_uint8)])
    assert np.mean(scores, 0) == pytest.approx([33.673, 33.640], abs=0.001)


@given(x=st.floats(-3, 3))
def test_keys_kernel_interpolates(x: float):
    assert keys_cubic(torch.arange(-2.0, 3.0)).tolist() == [0, 0, 1, 0, 0]
    shifted = keys_cubic(torch.tensor(x) - torch.arange(-6.0, 7.0))
    assert shifted.sum().item() == pytest.approx(1, abs=1e-5)
    assert (shifted * torch.arange(-6.0, 7.0)).sum().item() == pytest.approx(x, abs=1e-4)


@given(height=st.integers(1, 40), width=st.integers(1, 40), to=st.tuples(st.integers(1, 90), st.integers(1, 90)))
def test_a_constant_image_stays_constant(height: int, width: int, to: tuple[int, int]):
    for kernel in get_args(Kernel):
        resized = resize(torch.full((1, 2, height, width), 0.4), *to, kernel)  # 102 / 255
        assert resized.shape == (1, 2, *to)
        torch.testing.assert_close(resized, torch.full_like(resized, 0.4))


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
    matlab = [
        DownscaledPair(2, "matlab"),
        DownscaledPair(2, "matlab_float"),
        DownscaledPair(2, "matlab_float", quantised=False),
    ]
    assert len(set(map(str, [*pairs, *matlab]))) == 19
    # What has no effect on a kernel must not make a difference to the words either.
    for kernel in ("nearest", "matlab", "matlab_float"):
        assert str(DownscaledPair(2, kernel, True)) == str(DownscaledPair(2, kernel, False))
    assert str(DownscaledPair(2, "matlab")) == str(DownscaledPair(2, "matlab", quantised=False))
