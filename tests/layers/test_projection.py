import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.randomness import generator
from darkroom.layers.projection import Projection
from darkroom.networks.dncnn import DnCNN
from darkroom.networks.projected import Projected


@given(st.integers(2, 9), st.integers(2, 9), st.floats(0.01, 0.5), st.floats(-1, 1), st.floats(0.0, 3.0))
def test_it_is_the_nearest_point_of_the_ball(height: int, width: int, sigma: float, alpha: float, distance: float):
    random = torch.Generator().manual_seed(height * 10 + width)
    y = torch.rand(2, 3, height, width, generator=random)
    x = y + distance * torch.randn(y.shape, generator=random)
    projection = Projection()
    projection.alpha.data.fill_(alpha)
    projected = projection(x, y, torch.full((2,), sigma))
    radius = torch.tensor(alpha).exp() * sigma * (3 * height * width - 1) ** 0.5
    for found, estimate, centre in zip(projected, x, y, strict=True):
        distance = (estimate - centre).norm()
        if distance <= radius:
            torch.testing.assert_close(found, estimate, atol=1e-5, rtol=1e-4)  # inside, points do not move
        else:
            assert (found - centre).norm().item() == pytest.approx(radius.item(), rel=1e-4)
            torch.testing.assert_close(found - centre, (estimate - centre) * radius / distance, atol=1e-5, rtol=1e-4)


def test_alpha_has_a_gradient_and_every_image_its_own_norm():
    projection = Projection()
    y = torch.zeros(2, 1, 8, 8)
    x = y + torch.tensor([10.0, 0.001]).view(2, 1, 1, 1)
    projected = projection(x, y, torch.tensor([0.1, 0.1]))
    assert projected[0].norm().item() == pytest.approx(0.1 * 63**0.5, rel=1e-5) and torch.equal(projected[1], x[1])
    projected.sum().backward()
    assert projection.alpha.grad.abs() > 0
    assert torch.isfinite(projection(y, y, torch.zeros(2))).all()  # neither noise nor estimate


def test_a_blind_network_becomes_noise_conditional():
    blind = DnCNN(3, 4, 3).initialise(generator(0))
    torch.nn.init.normal_(blind.layers[-1].weight)
    projected = Projected(blind).eval()
    assert (projected.noise_conditional, projected.channels, projected.halo) == (True, 3, blind.halo)
    x = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        near, far = (projected(x, torch.tensor([sigma])) for sigma in (1e-4, 1e4))
        assert (near - x).abs().max() < 1e-2
        torch.testing.assert_close(far, blind.eval()(x))


def test_forward_is_finish_after_restore_tile():
    torch.manual_seed(0)
    network = Projected(DnCNN(1, 4, 3)).eval()
    x, sigma = torch.rand(2, 1, 12, 14), torch.tensor([0.001, 0.002])
    with torch.no_grad():
        tile = network.restore_tile(x, sigma)
        assert torch.equal(tile, network.network(x))
        assert torch.equal(network(x, sigma), network.finish(tile, x, sigma))
        assert not torch.equal(network(x, sigma), tile)


def test_by_default_a_network_has_nothing_to_finish():
    network, x = DnCNN(1, 4, 3, noise_conditional=True).eval(), torch.rand(2, 1, 12, 14)
    sigma = torch.tensor([0.05, 0.2])
    with torch.no_grad():
        assert torch.equal(network.restore_tile(x, sigma), network(x, sigma))
    assert network.finish(x, x, sigma) is x
