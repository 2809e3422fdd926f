"""The score over a trajectory's frames: scale and shift are found, and the best frame counts."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.images import to_uint8
from darkroom.metrics.best_frame import best_frame_psnr, best_frame_ssim, matched

SCENE = 0.5 + torch.nn.functional.avg_pool2d(torch.randn(3, 84, 104, generator=torch.Generator().manual_seed(0)), 5, 1).mul(0.8)
"""Texture, in which a correlation has one maximum."""


def crop(down: int, right: int) -> torch.Tensor:
    return SCENE[:, 8 + down : 56 + down, 10 + right : 74 + right]


@given(st.integers(-8, 8), st.integers(-10, 10), st.floats(0.4, 1.6))
def test_shift_and_scale_are_undone(down: int, right: int, factor: float):
    ours, theirs = matched(crop(down, right) * factor, crop(0, 0))
    kept = theirs.abs().sum(0) > 0
    assert kept.float().mean() > (1 - abs(down) / 48) * (1 - abs(right) / 64) - 0.02
    assert (ours - theirs).abs()[:, kept].mean() < 0.08  # the factor is found before the shift, so it is not exact


def score(metric, prediction: torch.Tensor, frames: list[torch.Tensor]) -> float:
    accumulator = metric.accumulator(torch.device("cpu"))
    accumulator.update(prediction[None], to_uint8(torch.stack(frames))[None])
    return accumulator.compute().value


def test_the_best_frame_counts_and_matching_helps():
    frames = [crop(0, 3 * step) for step in range(-3, 4)]
    noisy = (crop(0, 6) + 0.02 * torch.randn(3, 48, 64, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    all_frames = score(best_frame_psnr, noisy, frames)
    assert all_frames == pytest.approx(-20 * torch.log10(torch.tensor(0.02)).item(), abs=1.0)
    assert all_frames == max(score(best_frame_psnr, noisy, [frame]) for frame in frames)
    assert score(best_frame_psnr, 0.8 * noisy, frames) == pytest.approx(all_frames, abs=0.3)
    wrong = score(best_frame_psnr, noisy, [crop(0, 0)])  # shifted by six pixels: matched, but for what lies outside
    assert wrong > 25 and score(best_frame_ssim, crop(0, 6), frames) > 0.99


def test_where_nothing_can_be_compared_both_count_as_equal():
    ours, theirs = matched(crop(0, 5), crop(0, 0))
    assert ours[..., :5].abs().max() == 0 and theirs[..., :5].abs().max() == 0
    black = torch.zeros(3, 48, 64)
    assert score(best_frame_psnr, black, [crop(0, 0)]) < 12
