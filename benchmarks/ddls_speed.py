"""DDLS: a step with gradients for the latents only, against one that computes the weights' gradients too."""

import time

import torch
from torch import Tensor

from benchmarks.side_by_side import alternate, show
from darkroom.core.cost import multiply_adds
from darkroom.core.randomness import generator
from darkroom.methods.adversarial import hinge
from darkroom.methods.gan import GAN
from darkroom.networks import sngan
from darkroom.processes.samplers.ddls import LatentEnergy

BATCH = 16


def with_gradients_of_weights(method: GAN, z: Tensor) -> None:
    """A step as `backward` makes it where weights are not frozen."""
    z = z.clone().requires_grad_()
    energy = LatentEnergy(method.generator, method.discriminator)(z)
    energy.sum().backward()
    assert z.grad is not None
    z = z.detach() - 0.005 * z.grad + 0.1 * torch.randn_like(z)


def main() -> None:
    torch.set_num_threads(1)
    networks = sngan.Generator().initialise(generator(0)), sngan.Discriminator().initialise(generator(1))
    method = GAN(*networks, hinge, (3, 32, 32)).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    z = torch.randn(BATCH, method.latent, generator=generator(2))
    random = generator(3)

    def frozen() -> None:
        """A step of the sampler, and the last images: two forward passes and one backward pass of the generator."""
        method.draw(BATCH, random, sampler="ddls", steps=1)

    def images() -> None:
        method.draw(BATCH, random)

    candidates = {
        "gradients of latents and weights": lambda: with_gradients_of_weights(method, z),
        "a chain of one step, with its images": frozen,
        "images alone": images,
    }
    seconds = alternate(candidates, rounds=5, clock=time.process_time)
    seconds["gradients of latents only"] = seconds["a chain of one step, with its images"] - seconds["images alone"]
    show(f"SNGAN for CIFAR-10, {BATCH} chains, one thread", seconds, against="gradients of latents and weights")
    for name, run in candidates.items():
        print(f"  {name:44s} {multiply_adds(run) / BATCH / 1e9:10.2f} G multiply-adds a chain")


if __name__ == "__main__":
    main()
