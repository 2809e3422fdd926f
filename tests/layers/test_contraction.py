"""The contraction of space: the formula, its inverse, and the domains built on it."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.layers.contraction import Domain, contract, expand


def points(scale: float) -> torch.Tensor:
    return scale * torch.randn(200, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_the_unit_ball_stays_and_the_rest_comes_to_lie_within_two():
    near, far = points(0.2), points(50.0)
    inside, outside = near[near.norm(dim=1) < 1], far[far.norm(dim=1) > 1]
    assert torch.equal(contract(inside), inside)
    length = outside.norm(dim=1, keepdim=True)
    torch.testing.assert_close(contract(outside), (2 - 1 / length) * outside / length)
    assert float(contract(outside).norm(dim=1).max()) < 2


def test_the_contraction_is_continuous_and_keeps_gradients_at_the_sphere():
    edge = torch.tensor([[0.6, 0.0, 0.8]], dtype=torch.float64)
    jacobians = [torch.autograd.functional.jacobian(lambda x: contract(x)[0], edge * s)[:, 0] for s in (1 - 1e-9, 1 + 1e-9)]
    torch.testing.assert_close(*jacobians, atol=1e-6, rtol=0)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 100.0))
def test_expanding_undoes_contracting(scale: float):
    where = points(scale)
    torch.testing.assert_close(expand(contract(where)), where, rtol=1e-6, atol=1e-9)


def test_beyond_the_ball_lies_the_farthest():
    found = expand(torch.tensor([[2.0, 0.0, 0.0], [2.0, 2.0, 0.0], [0.0, 0.0, 0.0]]))
    torch.testing.assert_close(found.norm(dim=1), torch.tensor([1e4, 1e4, 0.0]))


def test_a_domain_maps_to_the_unit_cube_and_back():
    low, high = torch.tensor([-1.0, 0.0, 2.0]), torch.tensor([1.0, 4.0, 3.0])
    box = Domain(low, high)
    torch.testing.assert_close(box.unit(torch.stack([low, high])), torch.tensor([[0.0] * 3, [1.0] * 3]))
    everywhere = Domain(low, high, unbounded=True)
    for domain in (box, everywhere):
        unit = torch.rand(100, 3, generator=torch.Generator().manual_seed(1)) * 0.4 + 0.3
        torch.testing.assert_close(domain.unit(domain.world(unit)), unit, atol=1e-5, rtol=1e-5)
    far = everywhere.unit(1e6 * torch.randn(50, 3, generator=torch.Generator().manual_seed(2)))
    assert bool(((far > -1e-6) & (far < 1 + 1e-6)).all())
    # The ball around the box's middle fills the middle half of the cube.
    torch.testing.assert_close(everywhere.unit((low + high)[None] / 2), torch.full((1, 3), 0.5))
    torch.testing.assert_close(everywhere.unit(torch.tensor([[1.0, 2.0, 2.5]])), torch.tensor([[0.75, 0.5, 0.5]]))
