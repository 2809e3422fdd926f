"""Small runs and methods that the engine's tests share."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from darkroom.core.method import Example, Method
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.data.image_set import ImageSet
from darkroom.data.streams import PatchStream
from darkroom.engine.optimization import adam, cosine
from darkroom.engine.run import Run
from darkroom.evaluations.paired_images import PairedImages
from darkroom.methods.regression import Regression, half_squared_error
from darkroom.metrics.fidelity import psnr, ssim
from darkroom.networks.dncnn import DnCNN
from darkroom.operators.noise import Gaussian, NoisyPair


def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1)


def evaluation(images: ImageSet | None = None) -> PairedImages:
    return PairedImages(
        embedded("heldout").first(1) if images is None else images,
        NoisyPair(Gaussian(25.0)),
        (psnr, ssim),
        variant={"sigma": 25.0},
    )


def denoising_run(steps: int = 6, *, ema: float | None = None, loss: Callable = half_squared_error, **changes: Any) -> Run:
    network = DnCNN(3, 8, 3).initialise(generator(0, "weights"))
    settings = dict(
        method=Regression(network, loss),
        stream=PatchStream(embedded("train"), NoisyPair(Gaussian(25.0)), patch_size=12, batch_size=4, seed=0),
        optimizers={"network": adam(1e-3, schedule=cosine, clip=1.0, ema=ema)},
        steps=steps,
        validation=evaluation(),
        validation_interval=3,
        evaluations=[evaluation()],
        network=network,
    )
    return Run(**{**settings, **changes})


class Adversarial(Method):
    """A generator, a critic that takes two steps, and a target network that no optimizer updates."""

    def __init__(self) -> None:
        super().__init__()
        self.generator, self.critic, self.target = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(3))
        self.log: list[str] = []

    def networks(self) -> dict[str, nn.Module]:
        return {"generator": self.generator, "critic": self.critic}

    def losses(self, batch: Example, step: int) -> Iterator[tuple[str, Tensor]]:
        fake = self.generator(batch.input + 0.01 * torch.randn(batch.input.shape))
        for _ in range(2):
            self.log.append("critic")
            yield "critic", self.critic(fake.detach()).mean() - self.critic(batch.target).mean()
        self.log.append("generator")
        yield "generator", -self.critic(fake).mean() + (fake - batch.target).abs().mean()

    def predict(self, batch: Example) -> Tensor:
        return self.generator(batch.input)

    def after_step(self, step: int) -> tuple[str, ...]:
        with torch.no_grad():
            for mine, theirs in zip(self.target.parameters(), self.generator.parameters(), strict=True):
                mine.lerp_(theirs, 0.1)
        return ()


class GradientPenalty(Adversarial):
    """WGAN-GP (Gulrajani et al. 2017): a smooth critic, a new batch for each of its two steps, a penalty on its gradient."""

    batches_per_step = 2

    def __init__(self) -> None:
        super().__init__()
        self.critic = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.SiLU(), nn.Conv2d(4, 1, 3, padding=1))

    def losses(self, batch: list[Example], step: int) -> Iterator[tuple[str, Tensor]]:
        for one in batch:
            real = one.target.detach().requires_grad_(True)
            fake = self.generator(one.input).detach()
            logits = self.critic(real)
            (gradient,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
            penalty = (gradient.flatten(1).norm(dim=1) - 1).square().mean()
            yield "critic", self.critic(fake).mean() - logits.mean() + 10 * penalty
        yield "generator", -self.critic(self.generator(batch[0].input)).mean()


def adversarial_run(steps: int = 5, method: type[Adversarial] = Adversarial) -> Run:
    torch.manual_seed(0)
    return denoising_run(steps, method=method(), optimizers={"generator": adam(1e-3), "critic": adam(4e-3, betas=(0.0, 0.9))})


def with_optimizer(run: Run, network: str, **changes: Any) -> Run:
    optimization = dataclasses.replace(run.optimizers[network], **changes)
    return dataclasses.replace(run, optimizers={**run.optimizers, network: optimization})


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}
