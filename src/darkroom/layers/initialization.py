"""Weights to begin with."""

import torch
from torch import nn


def initialise_convolutions(network: nn.Module, generator: torch.Generator, *, gain: float = 1.0, slope: float = 0.0) -> None:
    """Draw every convolution's weights (He et al. 2015, eq. 10 and 15), times a gain; biases are set to zero.

    Args:
        network: whose convolutions.
        generator: to draw from.
        gain: factor on the deviation.
        slope: a of the rectifiers between them, max(x, a x).
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, a=slope, generator=generator)
            with torch.no_grad():
                module.weight.mul_(gain)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def initialise_linears(network: nn.Module, generator: torch.Generator) -> None:
    """Draw every linear layer's weights uniformly (Glorot & Bengio 2010, eq. 16); biases are set to zero."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight, generator=generator)
            nn.init.zeros_(module.bias)
