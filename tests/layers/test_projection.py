import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.randomness import generator
from darkroom.layers.projection import Projection
from darkroom.networks.dncnn import DnCNN
from darkroom.networks.projected import Projected


@given(st.integers(2, 9), st.integers(2, 9), st.floats(0.01, 0.5), st.floats(-1, 1), st.floats(0.0, 3.0))
def test_it_is_the_nearest_point_of_the_ball(height: int, width: int, sigma: float, alpha: float, far: float):
    random = torch.Generator().manual_seed(height * 10 + width)
    y = torch.rand(2, 3, height, width, generator=random)
    x = y + far * torch.randn(y.shape, generator=random)
    projection = Projection()
    projection.alpha.data.fill_(alpha)
    answer = projection(x, y, torch.full((2,), sigma))
    radius = torch.tensor(alpha).exp() * sigma * (3 * height * width - 1) ** 0.5
    for mine, estimate, centre in zip(answer, x, y, strict=True):
        apart = (estimate - centre).norm()
        if apart <= radius:
            torch.testing.assert_close(mine, estimate, atol=1e-5, rtol=1e-4)  # inside, nothing is moved
        else:
            assert (mine - centre).norm().item() == pytest.approx(radius.item(), rel=1e-4)
            torch.testing.assert_close(mine - centre, (estimate - centre) * radius / apart, atol=1e-5, rtol=1e-4)


def test_alpha_learns_and_every_picture_has_a_norm_of_its_own():
    projection = Projection()
    y = torch.zeros(2, 1, 8, 8)
    x = y + torch.tensor([10.0, 0.001]).view(2, 1, 1, 1)
    answer = projection(x, y, torch.tensor([0.1, 0.1]))
    assert answer[0].norm().item() == pytest.approx(0.1 * 63**0.5, rel=1e-5) and torch.equal(answer[1], x[1])
    answer.sum().backward()
    assert projection.alpha.grad.abs() > 0
    assert torch.isfinite(projection(y, y, torch.zeros(2))).all()  # neither noise nor estimate


def test_a_blind_network_becomes_one_that_is_told():
    blind = DnCNN(3, 4, 3).initialise(generator(0))
    torch.nn.init.normal_(blind.layers[-1].weight)
    told = Projected(blind).eval()
    assert (told.noise_conditional, told.channels, told.halo) == (True, 3, blind.halo)
    x = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        near, far = (told(x, torch.tensor([sigma])) for sigma in (1e-4, 1e4))
        assert (near - x).abs().max() < 1e-2
        torch.testing.assert_close(far, blind.eval()(x))
