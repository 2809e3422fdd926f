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
            nn.init.zeros_(module.bias)
