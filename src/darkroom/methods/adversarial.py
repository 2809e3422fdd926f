"""Adversarial losses on logits, gradient penalty, and feature matching: the parts that GAN training rules share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import relu, softplus

Logits = Tensor | Sequence[Tensor]
"""A discriminator's output: one map of logits, or one for each scale."""


@dataclass(frozen=True)
class AdversarialLoss:
    """A pair of losses on a discriminator's logits; of several scales, the mean is taken.

    Args:
        real: loss of the discriminator on logits of real images, elementwise.
        fake: loss of the discriminator on logits of generated images, elementwise.
        generated: loss of the generator on logits of generated images, elementwise.

    Example:
        >>> logits = torch.tensor([2.0, 0.0])
        >>> hinge.discriminator(logits, logits).item(), hinge.generator(logits).item()
        (2.5, -1.0)
    """

    real: Callable[[Tensor], Tensor]
    fake: Callable[[Tensor], Tensor]
    generated: Callable[[Tensor], Tensor]

    def discriminator(self, real: Logits, fake: Logits) -> Float[Tensor, ""]:
        """E real(D(x)) + E fake(D(G(z)))."""
        return _mean(self.real, real) + _mean(self.fake, fake)

    def generator(self, fake: Logits) -> Float[Tensor, ""]:
        """E generated(D(G(z)))."""
        return _mean(self.generated, fake)


def _mean(loss: Callable[[Tensor], Tensor], logits: Logits) -> Tensor:
    scales = [logits] if isinstance(logits, Tensor) else list(logits)
    return torch.stack([loss(scale.float()).mean() for scale in scales]).mean()


standard = AdversarialLoss(lambda d: softplus(-d), softplus, lambda d: softplus(-d))
"""−log σ(D(x)) − log(1 − σ(D(G(z)))), and the non-saturating −log σ(D(G(z))) (Goodfellow et al. 2014)."""

least_squares = AdversarialLoss(lambda d: (d - 1).square(), lambda d: d.square(), lambda d: (d - 1).square())
"""(D(x) − 1)² + D(G(z))², and (D(G(z)) − 1)² (Mao et al. 2017, eq. 9 without the factor ½)."""

hinge = AdversarialLoss(lambda d: relu(1 - d), lambda d: relu(1 + d), lambda d: -d)
"""max(0, 1 − D(x)) + max(0, 1 + D(G(z))), and −D(G(z)) (Lim & Ye 2017; Miyato et al. 2018, eq. 16–17)."""

wasserstein = AdversarialLoss(lambda d: -d, lambda d: d, lambda d: -d)
"""D(G(z)) − D(x), and −D(G(z)) (Arjovsky et al. 2017); D has to be kept Lipschitz, see `gradient_penalty`."""


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Float[Tensor, ""]:
    """E (‖∇D(x̂)‖₂ − 1)² at x̂ = u·real + (1 − u)·fake, u uniform for each sample (Gulrajani et al. 2017, algorithm 1).

    The norm is each sample's own, over all its values; the gradient is of the critic's sum over a map of logits, divided by the
    number of logits.

    Args:
        critic: D; without batch normalisation, which would mix samples.
        real, fake: images `(batch, channel, height, width)`; no gradient goes into either.
    """
    u = torch.rand(len(real), *[1] * (real.dim() - 1), device=real.device)
    between = torch.lerp(fake.detach().float(), real.detach().float(), u).requires_grad_()
    logits = critic(between)
    (slope,) = torch.autograd.grad(logits.flatten(1).mean(1).sum(), between, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()


def feature_matching(real: Sequence[Sequence[Tensor]], fake: Sequence[Sequence[Tensor]]) -> Float[Tensor, ""]:
    """Mean |D_k⁽ⁱ⁾(x) − D_k⁽ⁱ⁾(G(z))| over the hidden layers i of every scale k (Wang et al. 2018, pix2pixHD, eq. 4).

    Args:
        real, fake: for each scale, the activations of the discriminator's hidden layers; no gradient goes into `real`.
    """
    distances = [
        (expected.detach().float() - found.float()).abs().mean()
        for scale_of_real, scale_of_fake in zip(real, fake, strict=True)
        for expected, found in zip(scale_of_real, scale_of_fake, strict=True)
    ]
    return torch.stack(distances).mean()
