"""Cone stepping against a loop, early termination against all samples, and backgrounds in linear colour."""

import pytest
import torch
from skimage import color

from darkroom.radiance.cameras import Rays
from darkroom.radiance.colour import over, to_linear, to_srgb
from darkroom.radiance.rendering import render
from darkroom.radiance.sampling import march


def rays(count: int) -> Rays:
    drawn = torch.randn(2, count, 3, generator=torch.Generator().manual_seed(0))
    return Rays(drawn[0], drawn[1], torch.nn.functional.normalize(drawn[1], dim=1))


@pytest.mark.parametrize("cone", [0.0, 0.03, 0.4])
def test_steps_grow_with_the_distance(cone: float):
    some, random = rays(12), torch.Generator().manual_seed(1)
    enter, leave = torch.rand(12, generator=random), 9 * torch.rand(12, generator=random)
    offset = torch.rand(12, generator=random)
    found = march(some, enter, leave, 0.1, cone=cone, offset=offset, spacing=0.5)
    for number in range(12):
        length = float(some.directions[number].norm())
        shortest, t, expected, spacing = 0.1 / length, float(enter[number]), [], []
        t += float(offset[number]) * max(shortest, cone * t)
        while t < float(leave[number]):
            expected.append(t)
            spacing.append(0.5 * max(shortest, cone * t) / shortest)
            t += max(shortest, cone * t)
        mine = found.ray == number
        torch.testing.assert_close(found.t[mine], torch.tensor(expected), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(found.spacing[mine], torch.tensor(spacing), rtol=1e-3, atol=1e-4)


class Fog:
    """Densities that change along rays."""

    def density(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return 6 * (points.sum(1).sin() + 1), points

    def colour(self, features: torch.Tensor, viewing: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(features)


def test_a_ray_ends_where_it_is_opaque():
    some = rays(30)
    samples = march(some, torch.zeros(30), torch.full((30,), 4.0), 0.05)
    whole = render(Fog(), some, samples)
    with torch.no_grad():
        short = render(Fog(), some, samples, min_transmittance=1e-4)
    assert len(short.samples.t) < 0.8 * len(samples.t)
    torch.testing.assert_close(short.colour, whole.colour, atol=3e-4, rtol=0)
    assert (short.samples.ray.diff() >= 0).all()
    trained = render(Fog(), some, samples, min_transmittance=1e-4)  # with gradients
    torch.testing.assert_close(trained.colour, short.colour)


def test_linear_colour_is_that_of_the_standard():
    srgb = torch.linspace(0, 1, 50).expand(3, 50).T.contiguous()
    luminance = torch.from_numpy(color.rgb2xyz(srgb.numpy()))[:, 1]  # of greys: their linear value
    torch.testing.assert_close(to_linear(srgb)[:, 0], luminance.float(), atol=1e-4, rtol=0)
    torch.testing.assert_close(to_srgb(to_linear(srgb)), srgb, atol=1e-5, rtol=0)


@pytest.mark.parametrize("linear", [False, True])
def test_opaque_and_transparent_pixels_are_composited_alike(linear: bool):
    layers = torch.tensor([[0.2, 0.4, 0.6, 1.0], [0.0, 0.0, 0.0, 0.0]])
    expected = torch.tensor([[0.2, 0.4, 0.6], [0.7, 0.7, 0.7]])
    torch.testing.assert_close(over(layers, torch.full((2, 3), 0.7), linear=linear), expected, atol=1e-5, rtol=0)
