"""Adversarial super-resolution: SRGAN (Ledig et al. 2017) and ESRGAN (Wang et al. 2018)."""

from collections.abc import Callable, Iterator, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from darkroom.core.method import Example, Method
from darkroom.layers.normalization import mean_over_processes

Distance = Callable[[Tensor, Tensor], Tensor]

Adversary = Callable[[Tensor, Tensor], Tensor]
"""Loss of whoever wants the first logits to be told from the second as the higher ones: `(high, low) -> scalar`."""


class ESRGAN(Method):
    """PSNR-oriented pre-training, then a generator against a discriminator.

    For `pretraining` steps G minimises |G(y) − x|₁ alone. Then, at every step,

        L_D = adversary(C(x), C(G(y)))
        L_G = η |G(y) − x|₁ + w · perceptual(G(y), x) + λ · adversary(C(G(y)), C(x))

    Args:
        generator: G, from low to high resolution.
        discriminator: C, gives logits.
        adversary: `plain` (SRGAN) or `relativistic` (ESRGAN).
        perceptual: a distance between images, or None to go without.
        pretraining: steps before the discriminator enters.
        fidelity: η.
        perception: w.
        adversarial: λ.

    Source: Wang et al. 2018, section 3.2 and equation 3.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        adversary: Adversary,
        perceptual: Distance | None,
        *,
        pretraining: int,
        fidelity: float,
        perception: float,
        adversarial: float,
    ) -> None:
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.adversary, self.perceptual, self.pretraining = adversary, perceptual, pretraining
        self.fidelity, self.perception, self.adversarial = fidelity, perception, adversarial

    def networks(self) -> Mapping[str, nn.Module]:
        return {"generator": self.generator, "discriminator": self.discriminator}

    def losses(self, batch: Example, step: int) -> Iterator[tuple[str, Tensor]]:
        fake = self.generator(batch.input)
        error = (fake - batch.target).abs().mean()
        if step < self.pretraining:
            yield "generator", error
            return
        yield "discriminator", self.adversary(self.discriminator(batch.target), self.discriminator(fake.detach()))
        with torch.no_grad():
            real_logits = self.discriminator(batch.target)
        loss = self.fidelity * error + self.adversarial * self.adversary(self.discriminator(fake), real_logits)
        if self.perceptual is not None:
            loss = loss + self.perception * self.perceptual(fake, batch.target)
        yield "generator", loss

    def predict(self, batch: Example) -> Float[Tensor, "batch channel height width"]:
        return self.generator(batch.input)


def relativistic(high: Tensor, low: Tensor) -> Float[Tensor, ""]:
    """−E log σ(high − E low) − E log(1 − σ(low − E high)), expectations over the whole batch (Wang et al. 2018, eq. 1–2)."""
    high, low = high.float(), low.float()
    return softplus(mean_over_processes(low.mean()) - high).mean() + softplus(low - mean_over_processes(high.mean())).mean()


def plain(high: Tensor, low: Tensor) -> Float[Tensor, ""]:
    """−E log σ(high) − E log(1 − σ(low)); of a generator's loss, only the first depends on the generator.

    So the generator minimises −log C(G(y)), which does not vanish while it loses (Ledig et al. 2017, eq. 6).
    """
    return softplus(-high.float()).mean() + softplus(low.float()).mean()
