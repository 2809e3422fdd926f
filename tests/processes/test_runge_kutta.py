import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from darkroom.core.errors import DarkroomError
from darkroom.processes.runge_kutta import dormand_prince


def pendulum(y: torch.Tensor, t: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    return torch.stack([y[:, 1], -y[:, 0].sin() - 0.1 * t * y[:, 1]], 1)


@pytest.mark.parametrize(("start", "end"), [(0.0, 6.0), (3.0, 0.0)])
@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-9])
def test_steps_and_states_are_scipys(start: float, end: float, tolerance: float):
    y0, evaluations = torch.tensor([[1.5, 0.2]], dtype=torch.float64), 0

    def counted(y: torch.Tensor, t: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        nonlocal evaluations
        evaluations += 1
        return pendulum(y, t, numbers)

    ours = dormand_prince(counted, y0, start, end, rtol=tolerance, atol=tolerance)
    theirs = solve_ivp(
        lambda t, y: np.array([y[1], -np.sin(y[0]) - 0.1 * t * y[1]]),
        (start, end),
        y0[0].numpy(),
        rtol=tolerance,
        atol=tolerance,
    )
    assert evaluations == theirs.nfev
    assert np.allclose(ours[0].numpy(), theirs.y[:, -1], rtol=1e-9, atol=1e-12)


def test_elements_have_steps_of_their_own():
    y0 = torch.tensor([[0.1, 0.0], [3.1, 0.0], [1.0, 5.0]], dtype=torch.float64)
    rows: list[int] = []

    def counted(y: torch.Tensor, t: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        rows.append(len(y))
        assert len(numbers) == len(y) == len(t)
        return pendulum(y, t, numbers)

    together = dormand_prince(counted, y0, 0.0, 8.0)
    for number in range(3):
        alone = dormand_prince(pendulum, y0[number : number + 1], 0.0, 8.0)
        assert torch.allclose(together[number], alone[0], rtol=1e-12)
    assert min(rows) == 1 < max(rows) == 3  # what has arrived is not evaluated any more


def test_torchdiffeq_agrees():
    torchdiffeq = pytest.importorskip("torchdiffeq", reason="torchdiffeq, which is compared with, is not installed")
    y0 = torch.tensor([[1.5, 0.2]], dtype=torch.float64)
    theirs = torchdiffeq.odeint(
        lambda t, y: pendulum(y, t.expand(1), torch.zeros(1)),
        y0,
        torch.tensor([0.0, 6.0], dtype=torch.float64),
        rtol=1e-9,
        atol=1e-9,
    )[-1]
    assert torch.allclose(dormand_prince(pendulum, y0, 0.0, 6.0, rtol=1e-9, atol=1e-9), theirs, rtol=1e-7)


def test_what_cannot_be_solved_is_said(monkeypatch):
    with pytest.raises(DarkroomError, match="not finite"):
        dormand_prince(lambda y, t, numbers: y**2, torch.ones(1, 1), 0.0, 5.0)  # it is infinite at t = 1
    monkeypatch.setattr("darkroom.processes.runge_kutta.MOST_STEPS", 3)
    with pytest.raises(DarkroomError, match="not solved after 3 steps: allow larger tolerances"):
        dormand_prince(pendulum, torch.ones(1, 2, dtype=torch.float64), 0.0, 100.0)
