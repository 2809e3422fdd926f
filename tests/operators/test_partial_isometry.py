import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.errors import DarkroomError
from darkroom.operators.linear import power_method
from darkroom.operators.partial_isometry import BlockMeans, Masking, PartialIsometry


def operators() -> list[PartialIsometry]:
    known = torch.rand(6, 4, generator=torch.Generator().manual_seed(0)) > 0.4
    return [Masking(known), BlockMeans(2, 6, 4), BlockMeans(1, 6, 4)]


@pytest.mark.parametrize("operator", operators(), ids=lambda operator: type(operator).__name__)
@given(alpha=st.floats(1e-3, 10.0), seed=st.integers(0, 50))
def test_closed_forms(operator: PartialIsometry, alpha: float, seed: int):
    random = torch.Generator().manual_seed(seed)
    x, z = (torch.randn(2, 3, *operator.input_shape, generator=random, dtype=torch.float64) for _ in range(2))
    y = torch.randn(2, 3, *operator.output_shape, generator=random, dtype=torch.float64)
    assert float((operator(x) * y).sum()) == pytest.approx(float((x * operator.adjoint(y)).sum()), abs=1e-9)
    assert torch.allclose(operator(operator.adjoint(operator(x))), operator.gain * operator(x))
    assert torch.allclose(operator(operator.pseudo_inverse(operator(x))), operator(x))
    inverse = operator.normal_inverse(alpha)(z)
    assert torch.allclose(operator.adjoint(operator(inverse)) + alpha * inverse, z, atol=1e-8)
    start = torch.randn(operator.input_shape, generator=random)
    assert power_method(operator, start, 5) == pytest.approx(operator.lipschitz, rel=1e-4)


def test_blocks_must_fit():
    with pytest.raises(DarkroomError, match="an image of 5x4 cannot be divided into blocks of 2x2 pixels"):
        BlockMeans(2, 4, 5)
