"""Shaken images: what the field says is what was done to them."""

import pytest
import torch

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.operators.kernel_field import KernelField, check
from darkroom.operators.linear_light import from_linear, to_linear
from darkroom.operators.motion import CameraShake
from darkroom.operators.shaken import ShakenPair, drawn_segments, largest_segments
from darkroom.operators.varying_blur import VaryingBlur

SHAKE = CameraShake(17, steps=300)


def photograph() -> torch.Tensor:
    return to_float(embedded("heldout")[0])[:, 60:140, 100:200].contiguous()


@pytest.mark.parametrize("segments", [1, 4])
def test_the_field_reproduces_the_shaken_image(segments: int):
    clean = photograph()
    shaken, target, (kernels, masks) = ShakenPair(SHAKE, segments, quantised=False, field_given=True)(clean, generator(3))
    check(KernelField(kernels, masks))
    assert kernels.shape == (segments, 17, 17) and masks.shape == (segments, 64, 84) and torch.equal(target, clean)
    again = from_linear(VaryingBlur(KernelField(kernels, masks), "valid")(to_linear(clean)))
    torch.testing.assert_close(shaken, again)
    without = ShakenPair(SHAKE, segments, quantised=False)(clean, generator(3))
    assert torch.equal(without.input, shaken) and torch.equal(without.target, clean[:, 8:-8, 8:-8]) and not without.condition


def test_brightness_in_linear_light_is_kept_and_grey_stays_grey():
    flat = torch.full((3, 60, 60), 0.4)
    torch.testing.assert_close(ShakenPair(SHAKE, 3, quantised=False)(flat, generator(1)).input, torch.full((3, 44, 44), 0.4))
    for level in (0.0, 1.0):
        assert torch.equal(
            ShakenPair(SHAKE, 3)(torch.full((1, 40, 40), level), generator(0)).input, torch.full((1, 24, 24), level)
        )


def test_noise_is_on_the_coded_values_and_may_be_rounded():
    flat = torch.full((1, 216, 216), 0.5)
    noisy = ShakenPair(SHAKE, sigma=12.75, quantised=False)(flat, generator(0)).input
    assert (noisy - 0.5).std().item() == pytest.approx(0.05, rel=0.02)
    rounded = 255 * ShakenPair(SHAKE, sigma=12.75)(flat, generator(0)).input
    torch.testing.assert_close(rounded, rounded.round())


def test_label_maps_give_the_segments():
    clean, labels = photograph(), torch.zeros(80, 100, dtype=torch.long)
    labels[:, :30], labels[:20, 60:] = 7, 2
    _, _, (kernels, masks) = ShakenPair(SHAKE, 2, field_given=True)(clean, generator(0), labels)
    assert masks[1, 40, 5] == 1 and masks[0, 40, 80] == 1 and masks[0, 2, 80] == 1  # the smallest segment joins the largest
    assert not torch.equal(kernels[0], kernels[1])
    assert largest_segments(labels, 3).unique().tolist() == [0, 1, 2]
    assert drawn_segments(30, 40, 5, generator(0)).unique().numel() > 1


def test_mistakes_are_one_line():
    with pytest.raises(DarkroomError, match="an image of 40x12 is smaller than a blur kernel of 17x17"):
        ShakenPair(SHAKE)(torch.zeros(3, 12, 40), generator(0))
    with pytest.raises(DarkroomError, match="segments are at least 1, sigma at least 0 and gamma above 0, given 0, 0, 2.2"):
        ShakenPair(SHAKE, 0)


def test_equal_words_mean_equal_degradations():
    pairs = [ShakenPair(SHAKE), ShakenPair(SHAKE, 2), ShakenPair(SHAKE, sigma=1.0), ShakenPair(SHAKE, gamma=1.0)]
    pairs += [ShakenPair(SHAKE, quantised=False), ShakenPair(CameraShake(19)), ShakenPair(CameraShake(17, exposures=(1.0,)))]
    assert len(set(map(str, pairs))) == len(pairs)
