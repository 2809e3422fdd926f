import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.layers import pixelwise
from darkroom.layers.pixelwise import PixelwiseNetworks, positions


def pixel_by_pixel(networks: PixelwiseNetworks, parameters: list[torch.Tensor], pixels: torch.Tensor) -> torch.Tensor:
    """The definition: for every pixel, the perceptron of its tile on its input and its position."""
    batch, rows = parameters[0].shape[:2]
    height, width = pixels.shape[2:]
    side, where = height // rows, positions(height // rows, networks.octaves)
    output = torch.zeros(batch, networks.widths[-1], height, width)
    for b in range(batch):
        for y in range(height):
            for x in range(width):
                given = pixels[b, :, y, x]
                if networks.labels:
                    given = torch.nn.functional.one_hot(given[0], networks.labels).float()
                value = torch.cat([given, where[(y % side) * side + x % side]])
                for number, (before, after) in enumerate(networks.layers()):
                    vector = parameters[number][b, y // side, x // side]
                    value = value @ vector[: before * after].view(before, after) + vector[before * after :]
                    if number < len(parameters) - 1:
                        value = torch.where(value > 0, value, 0.01 * value)
                output[b, :, y, x] = value
    return output


@given(st.integers(1, 2), st.integers(1, 3), st.integers(1, 2), st.sampled_from([2, 4]), st.booleans(), st.integers(0, 2**20))
def test_every_tile_has_its_own_network(batch: int, rows: int, columns: int, side: int, labels: bool, seed: int):
    torch.manual_seed(seed)
    networks = PixelwiseNetworks(labels=4 if labels else 0, channels=2, octaves=2, width=5, depth=3)
    parameters = [torch.randn(batch, rows, columns, number, requires_grad=True) for number in networks.numbers]
    shape = (batch, 1 if labels else 2, rows * side, columns * side)
    pixels = torch.randint(4, shape) if labels else torch.randn(shape)
    expected = pixel_by_pixel(networks, parameters, pixels)
    found = networks(parameters, pixels)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    gradients, wanted = (torch.autograd.grad(y.square().mean(), parameters) for y in (found, expected))
    torch.testing.assert_close(gradients, wanted, atol=1e-4, rtol=1e-3)
    with torch.no_grad():
        torch.testing.assert_close(networks(parameters, pixels), expected, atol=1e-4, rtol=1e-4)


def test_a_few_tiles_at_a_time_give_the_same(monkeypatch: pytest.MonkeyPatch):
    networks = PixelwiseNetworks(labels=3, octaves=2, width=6, depth=4)
    parameters, ids = [torch.randn(2, 2, 3, number) for number in networks.numbers], torch.randint(3, (2, 1, 8, 12))
    found = []
    for numbers in (1, 7 * 16 * 6, 1 << 30):
        monkeypatch.setattr(pixelwise, "CACHED", numbers)
        with torch.no_grad():
            found.append(networks(parameters, ids))
    torch.testing.assert_close(found[0], found[2])
    torch.testing.assert_close(found[1], found[2])


def test_the_numbers_of_the_paper():
    networks = PixelwiseNetworks(labels=35, octaves=4)
    assert sum(networks.numbers) == 16_003 and networks.widths == [51, 64, 64, 64, 64, 3]


def test_positions_have_the_periods_of_the_paper():
    where = positions(16, 4).view(16, 16, 16)
    assert where.shape[-1] == 16  # channels at 256x512
    for octave, period in enumerate((16, 8, 4, 2)):
        torch.testing.assert_close(where[0, :, octave], torch.sin(2 * math.pi * torch.arange(16) / period), atol=1e-5, rtol=0)
        torch.testing.assert_close(
            where[:, 0, 12 + octave], torch.cos(2 * math.pi * torch.arange(16) / period), atol=1e-5, rtol=0
        )
    assert torch.equal(where[3, :, :8], where[9, :, :8])  # of x alone


def test_parameters_are_not_spread_over_pixels():
    networks = PixelwiseNetworks(labels=35, octaves=5)
    parameters, ids = [torch.zeros(1, 2, 2, number) for number in networks.numbers], torch.zeros(1, 1, 64, 64, dtype=torch.long)
    largest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            result = function(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                largest = max(largest, result.untyped_storage().nbytes() // 4)
            return result

    with torch.no_grad(), Watch():
        networks(parameters, ids)
    assert largest <= 64 * 64 * 64  # activations; the parameters of every pixel would be 250 times as many
