"""Conditional adversarial training for image translation: pix2pix, pix2pixHD and ASAPNet."""

from collections.abc import Callable, Iterator, Mapping

from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.method import Example, Method
from darkroom.methods.adversarial import AdversarialLoss, feature_matching
from darkroom.networks.translation import TranslationNetwork

Distance = Callable[[Tensor, Tensor], Tensor]


class Pix2Pix(Method):
    """A generator G and a discriminator D that is shown the input beside the image, D(x, y).

        L_G = adversarial(D(x, G(x))) + λ₁ |G(x) − y|₁ + λ_FM · matching(D(x, y), D(x, G(x))) + λ_P · perceptual(G(x), y)
        L_D = adversarial(D(x, y), D(x, G(x)))

    pix2pix has the standard adversarial loss and λ₁ = 100; pix2pixHD least squares on several scales, λ_FM = 10 and λ_P = 10;
    ASAPNet the hinge loss with the same weights. The generator is run once a step, and takes its step first; the discriminator's
    pass over real images serves both losses.

    Args:
        generator: G.
        discriminator: D, of the encoded input and an image; returns a `networks.patch_discriminator.Discrimination`.
        adversarial: the pair of adversarial losses.
        perceptual: a distance between images in [0, 1], or None.
        l1_weight: λ₁; the distance is between images in [−1, 1], as in the papers.
        matching_weight: λ_FM.
        perceptual_weight: λ_P.

    Source: Isola et al. 2017, eq. 1–4; Wang et al. 2018 (pix2pixHD), eq. 4–5; Shaham et al. 2021, section 3.4.

    Example:
        >>> import torch
        >>> from darkroom.methods.adversarial import hinge
        >>> from darkroom.networks.patch_discriminator import MultiscaleDiscriminator
        >>> from darkroom.networks.pix2pix import UNetGenerator
        >>> generator = UNetGenerator(labels=5, width=4, levels=5)
        >>> discriminator = MultiscaleDiscriminator(generator.channels + 3, width=4)
        >>> method = Pix2Pix(generator, discriminator, hinge, None, l1_weight=100.0, matching_weight=0.0, perceptual_weight=0.0)
        >>> batch = Example(torch.zeros(1, 1, 64, 64, dtype=torch.long), torch.rand(1, 3, 64, 64))
        >>> [name for name, loss in method.losses(batch, step=0)]
        ['generator', 'discriminator']
    """

    def __init__(
        self,
        generator: TranslationNetwork,
        discriminator: nn.Module,
        adversarial: AdversarialLoss,
        perceptual: Distance | None,
        *,
        l1_weight: float,
        matching_weight: float,
        perceptual_weight: float,
    ) -> None:
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.adversarial, self.perceptual = adversarial, perceptual
        self.l1_weight, self.matching_weight, self.perceptual_weight = l1_weight, matching_weight, perceptual_weight

    def networks(self) -> Mapping[str, nn.Module]:
        return {"generator": self.generator, "discriminator": self.discriminator}

    def losses(self, batch: Example, step: int) -> Iterator[tuple[str, Tensor]]:
        x, y, fake = self.generator.encoded(batch.input, *batch.condition), batch.target, self.predict(batch)
        real, generated = self.discriminator(x, y), self.discriminator(x, fake)
        loss = self.adversarial.generator(generated.logits)
        if self.l1_weight:
            loss = loss + self.l1_weight * 2 * (fake - y).abs().mean()
        if self.matching_weight:
            loss = loss + self.matching_weight * feature_matching(real.features, generated.features)
        if self.perceptual is not None:
            loss = loss + self.perceptual_weight * self.perceptual(fake, y)
        yield "generator", loss
        yield "discriminator", self.adversarial.discriminator(real.logits, self.discriminator(x, fake.detach()).logits)

    def predict(self, batch: Example) -> Float[Tensor, "batch 3 height width"]:
        return self.generator(batch.input, *batch.condition)
