"""The losses of kernel estimation: zero at the truth, and what they are by their definition."""

import pytest
import torch

from darkroom.core.method import Example
from darkroom.core.randomness import generator
from darkroom.methods.kernel_estimation import KernelEstimation
from darkroom.networks.kernel_net import KernelNet
from darkroom.operators.kernel_field import KernelField
from darkroom.operators.motion import CameraShake
from darkroom.operators.shaken import ShakenPair
from darkroom.solvers.blind import Restoration, restorations


class Fixed(KernelNet):
    """A network that has one answer."""

    def __init__(self, field: KernelField) -> None:
        super().__init__(1, 1)
        self.field = field

    def forward(self, image: torch.Tensor) -> KernelField:
        return self.field


def batch(segments: int = 2) -> Example:
    pair = ShakenPair(CameraShake(9, steps=200), segments, quantised=False, field_given=True)
    clean = torch.rand(3, 40, 48, generator=generator(0))
    shaken, sharp, field = pair(clean, generator(1))
    return Example(shaken[None], sharp[None], tuple(part[None] for part in field))


def loss(network: KernelNet, data: Example, step: int = 0, **weights: float) -> float:
    torch.manual_seed(0)
    ((name, value),) = KernelEstimation(network, **weights).losses(data, step)
    assert name == "network"
    return value.item()


def test_the_true_field_has_no_loss():
    data = batch()
    assert loss(Fixed(KernelField(*data.condition)), data) == pytest.approx(0, abs=1e-6)


def test_both_losses_are_what_they_say():
    data = batch(1)
    kernels, masks = data.condition
    points = torch.zeros_like(kernels)
    points[..., 4, 4] = 1
    none = Fixed(KernelField(points, masks))
    reblur = (data.target[..., 4:-4, 4:-4] ** 2.2 - data.input**2.2).square().mean().item()
    assert loss(none, data, kernel_weight=0.0) == pytest.approx(reblur, rel=1e-4)
    difference = points - kernels
    l1, l2 = difference.abs().sum().item(), difference.square().sum().item()
    assert loss(none, data, 9, reblur_weight=0.0, kernel_weight=3.0, l1_from=9) == pytest.approx(3 * l1, rel=1e-5)
    assert loss(none, data, 8, reblur_weight=0.0, kernel_weight=3.0, l1_from=9) == pytest.approx(3 * l2, rel=1e-5)


def test_the_divergence_is_torchs():
    data = batch(2)
    uniform = KernelField(torch.full_like(data.condition[0], 1 / 81), data.condition[1])
    expected = torch.nn.functional.kl_div(  # both segments have half of the weight, wherever the points lie
        uniform.kernels.log(), data.condition[0], reduction="none"
    ).sum((2, 3))
    value = loss(Fixed(uniform), data, 0, reblur_weight=0.0, kernel_loss="kl", l1_from=1)
    assert value < expected.mean().item() * 1.001, "a mixture of kernels is nearer to the uniform one than they are"
    one = batch(1)
    points = Fixed(KernelField(torch.full_like(one.condition[0], 1 / 81), one.condition[1]))
    expected = torch.nn.functional.kl_div(points.field.kernels.log(), one.condition[0], reduction="sum").item()
    assert loss(points, one, 0, reblur_weight=0.0, kernel_loss="kl", l1_from=1) == pytest.approx(expected, rel=1e-4)


def test_training_lowers_it_and_a_prediction_is_the_restored_image():
    pair = ShakenPair(CameraShake(33, steps=200, exposures=(0.1,)), 1, field_given=True)
    shaken, sharp, field = pair(torch.rand(3, 64, 64, generator=generator(0)), generator(1))
    data = Example(shaken[None], sharp[None], tuple(part[None] for part in field))
    network = KernelNet(2, 2).initialise(generator(0))
    method = KernelEstimation(network, restoration=Restoration(3))
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    before = loss(network, data)
    for step in range(12):
        ((_, value),) = method.losses(data, step)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    assert loss(network, data) < 0.9 * before
    with torch.no_grad():
        restored = method.predict(data)
        *_, expected = restorations(data.input, method.estimate(data), Restoration(3))
    assert restored.shape == data.input.shape
    torch.testing.assert_close(restored, expected)
