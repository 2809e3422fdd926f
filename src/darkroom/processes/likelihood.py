"""The likelihood of images by the probability flow."""

import math

import torch
from torch import Tensor

from darkroom.core.evaluation import Progress, no_progress
from darkroom.processes.inference_mode import ordinary_tensors
from darkroom.processes.noise import Generator, Noise
from darkroom.processes.runge_kutta import dormand_prince
from darkroom.processes.samplers.probability_flow import flow
from darkroom.processes.samplers.sampler import CountedScore, Score
from darkroom.processes.sde import SDE


def log_likelihood(
    score: Score,
    sde: SDE,
    x: Tensor,
    generator: Generator,
    *,
    rtol: float = 1e-5,
    atol: float = 1e-5,
    progress: Progress = no_progress,
) -> Tensor:
    """log p(x) in nats of every element of a batch, without bias.

    log p_0(x(0)) = log p_1(x(1)) + ∫ ∇·f̃(x(t), t) dt along the probability flow ẋ = f̃(x, t). The divergence is estimated by
    εᵀ (∂f̃/∂x) ε with one vector ε of random signs for each element, kept for the whole way (Hutchinson's estimator).

    Args:
        score: s(x, t); it is differentiated.
        sde: the process.
        x: at time `sde.epsilon`, in the units of the process.
        generator: of ε; one for the batch, or one for each element.
        rtol, atol: tolerances of the solver, on x and on the integral.
        progress: called with the share of the way in percent, and 100.

    Source: Song et al. 2021, appendix D.2; Grathwohl et al. 2019 for the estimator.

    Example:
        >>> from darkroom.processes.sde import VP
        >>> value = log_likelihood(lambda x, t: -x, VP(), torch.zeros(1, 3), torch.Generator().manual_seed(0))
        >>> round(float(value) / math.log(2 * math.pi), 3)  # of N(0, I) in three dimensions
        -1.5
    """
    signs = Noise(generator, x.shape, x.device)().sign().to(x.dtype)
    derivative = flow(CountedScore(score), sde)

    def augmented(state: Tensor, t: Tensor, numbers: Tensor) -> Tensor:
        """The slopes of x, and of the integral, which is the last column."""
        epsilon = signs[numbers]
        with ordinary_tensors(), torch.enable_grad():
            at = state[:, :-1].clone().reshape(epsilon.shape).requires_grad_()
            slope = derivative(at, t.clone(), numbers)
            (product,) = torch.autograd.grad(slope, at, epsilon.clone())
        divergence = (product * epsilon).flatten(1).sum(1, keepdim=True)
        return torch.cat([slope.detach().flatten(1), divergence], 1)

    def shown(share: float) -> None:
        progress(round(100 * share), 100)

    state = torch.cat([x.flatten(1), torch.zeros_like(x.flatten(1)[:, :1])], 1)
    end = dormand_prince(augmented, state, float(sde.times(2)[-1]), 1.0, rtol=rtol, atol=atol, progress=shown)
    return sde.log_prior(end[:, :-1].reshape(x.shape)) + end[:, -1].double()


def bits_per_dimension(log_likelihood: Tensor, shape: torch.Size, *, centred: bool) -> Tensor:
    """Bits for each value of 8-bit images from log p(x) in nats, x the dequantised image (u + U[0, 1)) / 256.

    −log₂ p(x) / D + 8; where the process has the images in [−1, 1] ("centred"), x ↦ 2x − 1 adds one bit less: + 7.

    Args:
        log_likelihood: of each image, `(batch,)`.
        shape: of an image, D values.
        centred: whether p is the density of 2x − 1.

    Source: Theis et al. 2016, section 3.1; Song et al. 2021, appendix D.2.

    Example:
        >>> uniform = torch.tensor([3 * 32 * 32 * math.log(0.5)])  # the density of the uniform distribution on [−1, 1]
        >>> float(bits_per_dimension(uniform, torch.Size([3, 32, 32]), centred=True))
        8.0
    """
    return -log_likelihood / (shape.numel() * math.log(2)) + (7 if centred else 8)
