"""Initialisation of weights."""

import torch
from torch import nn


def initialise_convolutions(network: nn.Module, generator: torch.Generator, *, gain: float = 1.0, slope: float = 0.0) -> None:
    """Draw the weights of every 2-D convolution from He's normal distribution, times a gain; biases become zero.

    Args:
        network: its convolutions are changed in place.
        generator: the source of randomness.
        gain: multiplies the standard deviation √(2 / ((1 + a²) fan in)).
        slope: a, the negative slope of the rectifiers in between, max(x, a x).

    Source: He et al. 2015, eq. 10 and 15.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, a=slope, generator=generator)
            with torch.no_grad():
                module.weight.mul_(gain)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def initialise_linears(network: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights of every linear layer from Glorot's uniform distribution; biases become zero.

    Args:
        network: its linear layers are changed in place.
        generator: the source of randomness.

    Source: Glorot & Bengio 2010, eq. 16.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def initialise_normal(network: nn.Module, generator: torch.Generator, *, deviation: float = 0.02) -> None:
    """Draw the weights of every convolution, transposed ones included, from N(0, deviation²); biases become zero.

    Scales of normalisations are drawn from N(1, deviation²), their shifts become zero.

    Args:
        network: its layers are changed in place.
        generator: the source of randomness.
        deviation: 0.02 in DCGAN and in pix2pix.

    Source: Radford, Metz, Chintala 2016 (DCGAN), section 4; Isola et al. 2017, section 6.2.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, std=deviation, generator=generator)
        elif isinstance(module, nn.InstanceNorm2d | nn.BatchNorm2d) and module.affine:
            nn.init.normal_(module.weight, 1.0, deviation, generator=generator)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
