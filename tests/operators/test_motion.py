"""Trajectories keep their speed, kernels their sum and centroid, and exposures the brightness."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.errors import DarkroomError
from darkroom.core.randomness import generator
from darkroom.operators.linear_light import from_linear, mean_of_frames, to_linear
from darkroom.operators.motion import CameraShake, rasterised


def centroid(kernel: torch.Tensor) -> list[float]:
    height, width = kernel.shape
    rows, columns = torch.arange(height) - height // 2, torch.arange(width) - width // 2
    return [(kernel.sum(1) * rows).sum().item(), (kernel.sum(0) * columns).sum().item()]


@given(st.integers(0, 10**6))
def test_a_trajectory_has_constant_speed_and_the_given_length(seed: int):
    path = CameraShake(65, steps=200, length=60.0).trajectory(generator(seed))
    speeds = path.diff(dim=0).norm(dim=1)
    assert path.shape == (200, 2) and path[0].tolist() == [0, 0]
    torch.testing.assert_close(speeds, torch.full_like(speeds, 60 / 199))


@given(st.integers(0, 10**6), st.sampled_from([9, 33, 65]))
def test_a_kernel_sums_to_one_is_centred_and_inside_its_support(seed: int, support: int):
    kernel = CameraShake(support, steps=300)(generator(seed))
    assert kernel.shape == (support, support) and kernel.min() >= 0
    assert kernel.sum().item() == pytest.approx(1, abs=1e-5)
    assert centroid(kernel) == pytest.approx([0, 0], abs=1e-4)


def test_longer_exposures_blur_more_and_the_paper_s_numbers_are_the_default():
    shake = CameraShake()
    assert (shake.steps, shake.length, shake.support, shake.exposures) == (2000, 60.0, 65, (0.01, 0.1, 0.5, 1.0))
    seen = [
        torch.stack([CameraShake(33, exposures=(exposure,))(generator(n)) > 0 for n in range(8)]).float().sum((1, 2)).mean()
        for exposure in shake.exposures
    ]
    assert seen == sorted(seen) and seen[0] <= 9 and seen[-1] > 40


def test_a_straight_path_becomes_a_line_with_bilinear_weights():
    path = torch.stack([torch.zeros(5), torch.linspace(-2, 2, 5)], dim=1)
    torch.testing.assert_close(rasterised(path, 1, 5), torch.full((1, 5), 0.2))
    torch.testing.assert_close(
        rasterised(torch.tensor([[0.25, -0.5]]), 3, 3)[1:, :2], torch.tensor([[0.375, 0.375], [0.125, 0.125]])
    )


@given(st.integers(1, 40), st.integers(0, 9), st.integers(0, 9), st.integers(0, 10**6))
def test_paths_need_not_be_square(count: int, down: int, right: int, seed: int):
    random = torch.rand(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    path = (2 * random - 1) * torch.tensor([down, right])
    kernel = rasterised(path, 2 * down + 1, 2 * right + 1)
    assert kernel.shape == (2 * down + 1, 2 * right + 1)
    assert kernel.sum().item() == pytest.approx(1, abs=1e-5)
    assert centroid(kernel) == pytest.approx(path.mean(0).tolist(), abs=1e-4)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: CameraShake(32), "odd number of pixels from 3 on, given 32"),
        (lambda: CameraShake(33, steps=1), "at least 2 steps and a length above 0, given 1 and 60"),
        (lambda: CameraShake(33, exposures=(0.0,)), "above 0 and at most 1, given"),
        (lambda: rasterised(torch.tensor([[0.0, 3.0]]), 3, 5), "reaches 3.0 pixels across and 0.0 down does not fit .* 5x3"),
        (lambda: rasterised(torch.zeros(0, 2), 3, 3), "at least one position"),
        (lambda: rasterised(torch.full((2, 2), torch.nan), 3, 3), "no NaN or infinity"),
        (lambda: rasterised(torch.zeros(1, 2), 4, 3), "odd sides.*given 3x4"),
    ],
)
def test_mistakes_are_one_line(make, words: str):
    with pytest.raises(DarkroomError, match=words):
        make()


def test_frames_are_averaged_in_linear_light():
    frames = torch.tensor([0.0, 1.0, 0.5]).view(3, 1, 1, 1).expand(3, 3, 4, 5)
    expected = ((0.5**2.2 + 1) / 3) ** (1 / 2.2)
    torch.testing.assert_close(mean_of_frames(frames), torch.full((3, 4, 5), expected))
    torch.testing.assert_close(mean_of_frames(frames, 1.0), torch.full((3, 4, 5), 0.5))
    x = torch.rand(100)
    torch.testing.assert_close(from_linear(to_linear(x)), x)
