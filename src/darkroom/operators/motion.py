"""Camera shake: random trajectories, and the blur kernels that they leave on the sensor."""

import cmath
import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.operators.blur import Kernel

Trajectory = Float[Tensor, "step 2"]
"""Positions on the sensor in pixels, (down, right), at equal intervals of time."""

EXPL = (0.01, 0.009, 0.008, 0.007, 0.005, 0.003)
"""Values of "expl", the strength of the inertia's disturbance, from which each trajectory draws one."""

EXPOSURES = (0.01, 0.1, 0.5, 1.0)
"""Exposure times, as shares of the trajectory from its beginning, from which each kernel draws one."""


@dataclass(frozen=True)
class CameraShake:
    """Random kernels of camera shake: `shake(generator)` draws one, `(support, support)`, which sums to one.

    A trajectory is a Markov process in the complex plane. With T steps, length L, s = L/(T − 1), the constants
    c = 0.7 U (centripetal), p = 0.2 U (big shakes) and g = 10 U (Gaussian), and U uniform in [0, 1] and N complex normal, each
    drawn anew where it appears,

        Δv = 2 v e^{i(π + U − ½)} if U < p · expl, else 0,      v ← v + Δv + expl (g N − c x) s,
        v ← s v/|v|,                                            x ← x + v.

    So the speed is constant and the whole path is L long. A kernel is the path's first part, which an exposure time drawn from
    `exposures` cuts off; it ends earlier where it would leave the support. Its centroid is the kernel's centre: the blurred image
    is not displaced against the sharp one.

    Args:
        support: side of the kernels, odd; 65 has the paper's canvas of 64 pixels with a pixel in the centre.
        steps: T.
        length: L in pixels.
        exposures: shares of the trajectory.

    Raises:
        DarkroomError: the support is even or below 3, or steps, length or an exposure is out of range.

    Source: Kupyn et al. 2018 (DeblurGAN), algorithm 1; Boracchi & Foi 2012.

    Example:
        >>> kernel = CameraShake(33)(torch.Generator().manual_seed(0))
        >>> tuple(kernel.shape), round(kernel.sum().item(), 5)
        ((33, 33), 1.0)
    """

    support: int = 65
    steps: int = 2000
    length: float = 60.0
    exposures: tuple[float, ...] = EXPOSURES

    def __post_init__(self) -> None:
        if self.support < 3 or self.support % 2 == 0:
            raise DarkroomError(f"the support of a kernel is an odd number of pixels from 3 on, given {self.support}")
        if self.steps < 2 or not 0 < self.length < math.inf:
            raise DarkroomError(
                f"a trajectory has at least 2 steps and a length above 0, given {self.steps} and {self.length:g}"
            )
        if not self.exposures or not all(0 < exposure <= 1 for exposure in self.exposures):
            raise DarkroomError(f"exposures are shares of a trajectory, above 0 and at most 1, given {self.exposures}")

    def __call__(self, generator: torch.Generator) -> Kernel:
        """Draw a kernel."""
        exposure = self.exposures[int(torch.randint(len(self.exposures), (), generator=generator))]
        path = self.trajectory(generator, max(1, round(exposure * self.steps)))
        path = path[: _fitting(path, self.support // 2)]
        return rasterised(path - path.mean(0), self.support, self.support)

    def trajectory(self, generator: torch.Generator, count: int | None = None) -> Trajectory:
        """Draw a trajectory and return its first `count` positions, or all of them, in double precision; it begins at (0, 0)."""
        count = self.steps if count is None else count
        expl = EXPL[int(torch.randint(len(EXPL), (), generator=generator))]
        centripetal, big_shake, gaussian, angle = torch.rand(4, generator=generator, dtype=torch.float64).tolist()
        uniform = torch.rand(count, 2, generator=generator, dtype=torch.float64).tolist()
        normal = torch.randn(count, 2, generator=generator, dtype=torch.float64).tolist()
        centripetal, big_shake, gaussian = 0.7 * centripetal, 0.2 * big_shake, 10 * gaussian
        speed = self.length / (self.steps - 1)
        x, v, path = 0j, cmath.rect(speed * expl, 2 * math.pi * angle), [0j]
        for (occurs, turn), (real, imaginary) in zip(uniform[1:], normal[1:], strict=True):
            impulse = 2 * v * cmath.exp(1j * (math.pi + turn - 0.5)) if occurs < big_shake * expl else 0
            v += impulse + expl * (gaussian * complex(real, imaginary) - centripetal * x) * speed
            v *= speed / (abs(v) or 1.0)
            x += v
            path.append(x)
        return torch.view_as_real(torch.tensor(path, dtype=torch.complex128)).flip(1)

    def __str__(self) -> str:
        shares = ", ".join(f"{exposure:g}" for exposure in self.exposures)
        return (
            f"camera shake after Kupyn et al. 2018 (path of {self.length:g} pixels, exposures {shares}, "
            f"kernels of {self.support}x{self.support})"
        )


def rasterised(path: Trajectory, height: int, width: int) -> Kernel:
    """The kernel of a trajectory: the share of time that it spends in each pixel, by bilinear weights; it sums to one.

    A kernel that sums to one leaves the mean brightness of an image as it is. Bilinear weights keep the centroid exactly:
    (0, 0) of the path is the middle pixel.

    Args:
        path: positions (down, right) in pixels; it may be longer in one direction than in the other, as the kernel may be.
        height, width: of the kernel, odd.

    Raises:
        DarkroomError: a side is even, or the path is empty, not finite, or leaves the kernel.

    Example:
        >>> rasterised(torch.tensor([[0.0, -1.0], [0.0, 0.5]]), 1, 3).tolist()
        [[0.5, 0.25, 0.25]]
    """
    if height % 2 == 0 or width % 2 == 0:
        raise DarkroomError(f"a kernel has odd sides, so that it has a centre pixel, given {width}x{height}")
    if not len(path) or not path.isfinite().all():
        raise DarkroomError(f"a trajectory has at least one position and no NaN or infinity, given {len(path)} positions")
    centre = torch.tensor([height // 2, width // 2], dtype=torch.float64)
    farthest = path.double().abs().amax(0)
    if (farthest > centre).any():
        raise DarkroomError(
            f"a trajectory that reaches {farthest[1]:.1f} pixels across and {farthest[0]:.1f} down does not fit into a kernel of "
            f"{width}x{height}: shorten it, or enlarge the kernel"
        )
    place = path.double() + centre
    corner = torch.minimum(place.floor(), centre * 2 - 1).clamp_(min=0)
    offset, (row, column) = place - corner, corner.long().T
    kernel = torch.zeros(height * width, dtype=torch.float64)
    for down in (0, 1):
        for right in (0, 1):
            weight = (offset[:, 0] if down else 1 - offset[:, 0]) * (offset[:, 1] if right else 1 - offset[:, 1])
            index = (row + down).clamp(max=height - 1) * width + (column + right).clamp(max=width - 1)
            kernel.index_add_(0, index, weight)
    return (kernel / kernel.sum()).view(height, width).float()


def _fitting(path: Trajectory, reach: int) -> int:
    """Number of the path's first positions that lie at most `reach` pixels from their common centroid, along both axes."""
    mean = path.cumsum(0) / torch.arange(1, len(path) + 1, dtype=path.dtype)[:, None]
    inside = (path.cummax(0).values - mean <= reach) & (mean - path.cummin(0).values <= reach)
    outside = (~inside.all(1)).nonzero()
    return int(outside[0]) if len(outside) else len(path)
