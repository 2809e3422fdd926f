"""Calibration of a discriminator: from its logits to the logarithm of a ratio of densities."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus


def logistic_calibration(
    real: Float[Tensor, " reals"], fake: Float[Tensor, " fakes"], *, steps: int = 50
) -> tuple[float, float]:
    """Slope a and offset b with which σ(a d + b) is the probability that an image with logit d is real.

    As many images of either kind are assumed: each kind has half of the weight. The targets are (n + 1)/(n + 2) and 1/(n + 2) in place
    of 1 and 0, so that a stays finite where the logits separate the two sets. Found by Newton's method, damped where it would not
    descend.

    Args:
        real, fake: logits of images that the discriminator was not trained on, and of generated ones.
        steps: at most so many.

    Returns:
        a and b; a d + b estimates the logarithm of the ratio of the densities.

    Source: Platt 1999; Azadi et al. 2019 (discriminator rejection sampling), section 3.3, for a GAN's discriminator.

    Example:
        >>> d = torch.linspace(-3, 3, 4001)  # uniform logits, real with probability σ(2 d − 1)
        >>> real = torch.bernoulli(torch.sigmoid(2 * d - 1), generator=torch.Generator().manual_seed(0)).bool()
        >>> round(logistic_calibration(d[real], d[~real])[0], 1)
        2.0
    """
    d = torch.cat([real, fake]).double()
    targets = torch.cat(
        [
            torch.full_like(real, (len(real) + 1) / (len(real) + 2)).double(),
            torch.full_like(fake, 1 / (len(fake) + 2)).double(),
        ]
    )
    weights = torch.cat([torch.full_like(real, 0.5 / len(real)), torch.full_like(fake, 0.5 / len(fake))]).double()
    centre, scale = d.mean(), d.std().clamp(min=1e-12)
    x = torch.stack([(d - centre) / scale, torch.ones_like(d)], 1)

    def loss(parameters: Tensor) -> Tensor:
        logits = x @ parameters
        return (weights * (softplus(logits) - targets * logits)).sum()

    parameters = torch.zeros(2, dtype=torch.float64, device=d.device)
    for _ in range(steps):
        probability = torch.sigmoid(x @ parameters)
        gradient = x.T @ (weights * (probability - targets))
        curvature = x.T @ ((weights * probability * (1 - probability))[:, None] * x)
        step = torch.linalg.solve(curvature + 1e-12 * torch.eye(2, dtype=x.dtype, device=x.device), gradient)
        while loss(parameters - step) > loss(parameters) + 1e-15:
            step = step / 2
        parameters = parameters - step
        if float(step.abs().max()) < 1e-10:
            break
    slope = parameters[0] / scale
    return float(slope), float(parameters[1] - slope * centre)
