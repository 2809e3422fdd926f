"""The defaults of `LinearOperator`, and what `Blur` offers beyond them, against dense matrices."""

import pytest
import torch

from darkroom.operators.blur import Blur
from darkroom.operators.linear import LinearOperator
from tests.operators.operators import Inpainting, VaryingBlur, matrix_of

ALPHA = 0.05


def operators() -> dict[str, LinearOperator]:
    return {"inpainting": Inpainting(6, 7), "varying blur": VaryingBlur(8, 9)}


@pytest.mark.parametrize("name", list(operators()))
def test_the_operators_of_the_tests_are_linear_and_have_their_adjoint(name: str):
    operator = operators()[name]
    random = torch.Generator().manual_seed(0)
    x = torch.rand(2, *operator.input_shape, dtype=torch.float64, generator=random)
    y = torch.rand(2, *operator.output_shape, dtype=torch.float64, generator=random)
    assert (operator(x) * y).sum().item() == pytest.approx((x * operator.adjoint(y)).sum().item(), rel=1e-12)
    h = matrix_of(operator)
    torch.testing.assert_close(operator(x).flatten(1), x.flatten(1) @ h.T)


@pytest.mark.parametrize("name", list(operators()))
def test_by_default_the_lipschitz_constant_is_from_the_power_method(name: str):
    operator = operators()[name]
    assert operator.lipschitz == pytest.approx(torch.linalg.matrix_norm(matrix_of(operator), 2).item() ** 2, rel=1e-2)
    assert operator.normal_inverse(ALPHA) is None and operator.preconditioner(ALPHA) is None


def test_an_operator_that_is_zero_has_a_lipschitz_constant_of_zero():
    class Zero(Inpainting):
        def __call__(self, x: torch.Tensor) -> torch.Tensor:
            return 0 * x

    assert Zero(4, 5).lipschitz == 0


def test_a_circular_blur_has_an_exact_normal_inverse():
    blur = Blur(torch.rand(3, 5, dtype=torch.float64), 8, 9, "circular")
    h = matrix_of(blur)
    b = torch.rand(2, 8, 9, dtype=torch.float64)
    expected = torch.linalg.solve(h.T @ h + ALPHA * torch.eye(72, dtype=torch.float64), b.flatten(1).T).T.view_as(b)
    torch.testing.assert_close(blur.normal_inverse(ALPHA)(b), expected)


@pytest.mark.parametrize("boundary", ["valid", "reflect", "tapered"])
def test_a_blurs_preconditioner_is_positive_definite(boundary: str):
    blur = Blur(torch.rand(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), 12, 13, boundary)
    assert blur.normal_inverse(ALPHA) is None
    m = blur.preconditioner(ALPHA)(torch.eye(12 * 13, dtype=torch.float64).view(-1, 12, 13)).flatten(1)
    torch.testing.assert_close(m, m.T)
    assert torch.linalg.eigvalsh(m).min() > 0
    if boundary != "reflect":  # there it clusters eigenvalues, but leaves some far away
        h, root = matrix_of(blur), torch.linalg.cholesky(m)
        normal = h.T @ h + ALPHA * torch.eye(12 * 13, dtype=torch.float64)
        assert torch.linalg.cond(root.T @ normal @ root) < 0.6 * torch.linalg.cond(normal)
