"""Image restoration with a Wasserstein critic: the training rule of DeblurGAN (Kupyn et al. 2018)."""

from collections.abc import Callable, Iterator, Mapping

from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.method import Example, Method
from darkroom.methods.adversarial import gradient_penalty, wasserstein

Distance = Callable[[Tensor, Tensor], Tensor]


class WGAN(Method):
    """A generator against a critic with gradient penalty, and a content loss.

    At every step the critic C takes `critic_steps` optimizer steps, each on a batch of its own, then the generator G takes one:

        L_C = E C(G(y)) − E C(x) + λ E (‖∇C(x̂)‖ − 1)²,    x̂ between x and G(y)
        L_G = w · content(G(y), x) − E C(G(y))

    Args:
        generator: G, from blurred to sharp images in [0, 1].
        critic: C, from images to logits, a map or a number; without batch normalisation, which would mix samples.
        content: a distance of images: perceptual, or of pixels.
        content_weight: w.
        critic_steps: optimizer steps of the critic for one of the generator.
        penalty: λ.

    Source: Kupyn et al. 2018, equations 2–5 and section 4.2; Gulrajani et al. 2017, algorithm 1.

    Example:
        >>> import torch
        >>> critic = nn.Sequential(nn.Conv2d(3, 1, 3), nn.Flatten())
        >>> method = WGAN(nn.Conv2d(3, 3, 1), critic, lambda x, y: (x - y).abs().mean(), critic_steps=2)
        >>> batches = [Example(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)) for _ in range(method.batches_per_step)]
        >>> [name for name, loss in method.losses(batches, 0)]
        ['critic', 'critic', 'generator']
    """

    def __init__(
        self,
        generator: nn.Module,
        critic: nn.Module,
        content: Distance,
        *,
        content_weight: float = 100.0,
        critic_steps: int = 5,
        penalty: float = 10.0,
    ) -> None:
        super().__init__()
        self.generator, self.critic, self.content = generator, critic, content
        self.content_weight, self.critic_steps, self.penalty = content_weight, critic_steps, penalty
        self.batches_per_step = critic_steps + 1

    def networks(self) -> Mapping[str, nn.Module]:
        return {"generator": self.generator, "critic": self.critic}

    def losses(self, batch: list[Example], step: int) -> Iterator[tuple[str, Tensor]]:
        for example in batch[:-1]:
            sharp = self.generator(example.input).detach()
            loss = wasserstein.discriminator(self.critic(example.target), self.critic(sharp))
            yield "critic", loss + self.penalty * gradient_penalty(self.critic, example.target, sharp)
        sharp = self.generator(batch[-1].input)
        adversarial = wasserstein.generator(self.critic(sharp))
        yield "generator", self.content_weight * self.content(sharp, batch[-1].target) + adversarial

    def predict(self, batch: Example) -> Float[Tensor, "batch 3 height width"]:
        return self.generator(batch.input)
