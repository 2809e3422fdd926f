"""Adversarial super-resolution: SRGAN (Ledig et al. 2017) and ESRGAN (Wang et al. 2018)."""

from collections.abc import Callable, Iterator, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from darkroom.core.method import Example, Method
from darkroom.layers.normalization import mean_over_processes

Distance = Callable[[Tensor, Tensor], Tensor]

AdversarialLoss = Callable[[Tensor, Tensor], Tensor]
"""`(real logits, fake logits) -> scalar` for the discriminator; the generator's loss has them exchanged."""


class ESRGAN(Method):
    """PSNR-oriented pre-training, then a generator against a discriminator.

    For `pretraining` steps G minimises |G(y) − x|₁ alone. Then, at every step,

        L_D = adversarial_loss(C(x), C(G(y)))
        L_G = η |G(y) − x|₁ + w · perceptual(G(y), x) + λ · adversarial_loss(C(G(y)), C(x))

    Args:
        generator: G, from low to high resolution.
        discriminator: C, returns logits.
        adversarial_loss: `cross_entropy` (SRGAN) or `relativistic` (ESRGAN).
        perceptual: a distance between images, or None.
        pretraining: steps before adversarial training.
        l1_weight: η.
        perceptual_weight: w.
        adversarial_weight: λ.

    Source: Wang et al. 2018, section 3.2 and equation 3.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        adversarial_loss: AdversarialLoss,
        perceptual: Distance | None,
        *,
        pretraining: int,
        l1_weight: float,
        perceptual_weight: float,
        adversarial_weight: float,
    ) -> None:
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.adversarial_loss, self.perceptual, self.pretraining = adversarial_loss, perceptual, pretraining
        self.l1_weight, self.perceptual_weight, self.adversarial_weight = l1_weight, perceptual_weight, adversarial_weight

    def networks(self) -> Mapping[str, nn.Module]:
        return {"generator": self.generator, "discriminator": self.discriminator}

    def losses(self, batch: Example, step: int) -> Iterator[tuple[str, Tensor]]:
        fake = self.generator(batch.input)
        error = (fake - batch.target).abs().mean()
        if step < self.pretraining:
            yield "generator", error
            return
        yield "discriminator", self.adversarial_loss(self.discriminator(batch.target), self.discriminator(fake.detach()))
        with torch.no_grad():
            real_logits = self.discriminator(batch.target)
        loss = self.l1_weight * error + self.adversarial_weight * self.adversarial_loss(self.discriminator(fake), real_logits)
        if self.perceptual is not None:
            loss = loss + self.perceptual_weight * self.perceptual(fake, batch.target)
        yield "generator", loss

    def predict(self, batch: Example) -> Float[Tensor, "batch channel height width"]:
        return self.generator(batch.input)


def relativistic(real: Tensor, fake: Tensor) -> Float[Tensor, ""]:
    """−E log σ(real − E fake) − E log(1 − σ(fake − E real)), expectations over the whole batch (Wang et al. 2018, eq. 1–2)."""
    real, fake = real.float(), fake.float()
    return softplus(mean_over_processes(fake.mean()) - real).mean() + softplus(fake - mean_over_processes(real.mean())).mean()


def cross_entropy(real: Tensor, fake: Tensor) -> Float[Tensor, ""]:
    """−E log σ(real) − E log(1 − σ(fake)).

    With the arguments exchanged it is the generator's non-saturating loss −E log C(G(y)) (Ledig et al. 2017, eq. 6), and a
    second term that does not depend on the generator.
    """
    return softplus(-real.float()).mean() + softplus(fake.float()).mean()
