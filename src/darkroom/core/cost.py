"""What a computation costs, apart from time: multiply-adds and parameters."""

from collections.abc import Callable

from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


def multiply_adds(run: Callable[[], object]) -> int:
    """Multiply-adds of the convolutions, matrix products and attentions that a function computes, on any device.

    Papers call them MACs, and many of them FLOPs, although a multiply-add is two operations. Elementwise operations,
    normalisations, resampling and Fourier transforms are not counted; products inside of gradients are.

    Example:
        >>> import torch
        >>> x = torch.rand(1, 3, 10, 20)
        >>> multiply_adds(lambda: nn.functional.conv2d(x, torch.rand(8, 3, 5, 5), padding=2))  # 8·3·5·5 a pixel
        120000
    """
    # Fused attention is counted on some devices only; made of matrix products, it is counted on all of them.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        run()
    return counter.get_total_flops() // 2


def parameters(network: nn.Module) -> int:
    """The number of a network's parameters, shared ones once.

    Example:
        >>> parameters(nn.Conv2d(3, 8, 5))
        608
    """
    return sum(parameter.numel() for parameter in network.parameters())
