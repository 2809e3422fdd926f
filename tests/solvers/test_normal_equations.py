"""(HᵀH + α) x = b for operators of every kind, against dense solves."""

import pytest
import torch

from darkroom.core.errors import DarkroomError
from darkroom.operators.blur import Blur
from darkroom.operators.linear import LinearMap, LinearOperator
from darkroom.solvers.normal_equations import solve_normal_equations
from tests.operators.operators import Inpainting, InvertibleInpainting, VaryingBlur, matrix_of

KERNEL = torch.rand(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
OPERATORS: dict[str, LinearOperator] = {
    "blur, valid": Blur(KERNEL, 9, 11, "valid"),
    "blur, circular": Blur(KERNEL, 9, 11, "circular"),
    "blur, reflect": Blur(KERNEL, 9, 11, "reflect"),
    "blur, tapered": Blur(KERNEL, 9, 11, "tapered"),
    "inpainting": Inpainting(9, 11),
    "inpainting, exact": InvertibleInpainting(9, 11),
    "varying blur": VaryingBlur(9, 11),
    "varying blur, preconditioned": VaryingBlur(9, 11, preconditioned=True),
}


@pytest.mark.parametrize("name", list(OPERATORS))
@pytest.mark.parametrize("alpha", [1.0, 0.01])
def test_the_solution_is_that_of_the_dense_matrix(name: str, alpha: float):
    operator = OPERATORS[name]
    h = matrix_of(operator)
    b = torch.rand(2, 9, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = torch.linalg.solve(h.T @ h + alpha * torch.eye(99, dtype=torch.float64), b.flatten(1).T).T.view_as(b)
    for start in (None, torch.rand_like(b), expected):
        found = solve_normal_equations(operator, b, alpha, start=start, tolerance=1e-12)
        torch.testing.assert_close(found, expected, atol=1e-8, rtol=1e-8)


class Counting(VaryingBlur):
    """A varying blur that counts how often it is applied."""

    count = 0

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self.count += 1
        return super().__call__(x)


class Ideal(Counting):
    """With the best preconditioner there is, the inverse itself."""

    def preconditioner(self, alpha: float) -> LinearMap:
        h = matrix_of(VaryingBlur(self.height, self.width))
        inverse = torch.linalg.inv(h.T @ h + alpha * torch.eye(len(h), dtype=h.dtype))
        return lambda b: (b.flatten() @ inverse).view_as(b)


def test_the_preconditioner_is_used():
    b = torch.rand(9, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    plain, ideal = Counting(9, 11), Ideal(9, 11)
    for operator in (plain, ideal):
        solve_normal_equations(operator, b, 0.01, tolerance=1e-9)
    assert ideal.count <= 2 < plain.count


def test_an_exact_inverse_is_used_instead_of_conjugate_gradients():
    class Exact(Counting):
        def normal_inverse(self, alpha: float) -> LinearMap:
            return lambda b: b / alpha

    operator = Exact(4, 5)
    b = torch.rand(4, 5)
    assert torch.equal(solve_normal_equations(operator, b, 0.5), b / 0.5) and operator.count == 0


def test_what_cannot_be_solved_is_refused():
    operator = VaryingBlur(4, 5)
    with pytest.raises(DarkroomError, match="alpha must be above 0, given 0"):
        solve_normal_equations(operator, torch.rand(4, 5), 0.0)
    with pytest.raises(DarkroomError, match="not finite"):
        solve_normal_equations(operator, torch.full((4, 5), float("nan")), 0.1)
