"""The tensors of a plain sequence of 3×3 convolutions in a checkpoint, as of DnCNN and FFDNet."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class ConvolutionChain:
    """A sequence of 3×3 convolutions, the hidden ones of equal width, each with batch normalisation or none.

    Args:
        layers: the tensors of each layer by their names, in order.
        inputs, outputs: channels of the first and the last convolution.
        width: channels of the hidden ones.
        depth: number of convolutions.
        batch_norm: whether batch normalisation follows the hidden convolutions.
        bias: whether a hidden convolution has a bias.
    """

    layers: tuple[Mapping[str, Tensor], ...]
    inputs: int
    outputs: int
    width: int
    depth: int
    batch_norm: bool
    bias: bool

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> "ConvolutionChain | None":
        """The chain of a state dictionary; None if the tensors are not those of one.

        Layers are in the order of the numbers in their names (`dncnn.N.weight`, `model.N.weight`); layers with running
        statistics are batch normalisations.

        Example:
            >>> layers = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Conv2d(8, 1, 3))
            >>> chain = ConvolutionChain.of(layers.state_dict())
            >>> (chain.depth, chain.width, chain.batch_norm, chain.bias)
            (3, 8, False, True)
        """
        layers = _numbered(state)
        if layers is None:
            return None
        convolutions = [layer for layer in layers if layer["weight"].ndim == 4]
        norms = [layer for layer in layers if "running_mean" in layer]
        if len(convolutions) < 2 or len(convolutions) + len(norms) != len(layers):
            return None
        first, last = convolutions[0]["weight"], convolutions[-1]["weight"]
        width, inputs, outputs = first.shape[0], first.shape[1], last.shape[0]
        shapes = [(width, inputs), *[(width, width)] * (len(convolutions) - 2), (outputs, width)]
        fit = all(layer["weight"].shape == (*shape, 3, 3) for layer, shape in zip(convolutions, shapes, strict=True))
        if not fit or len(norms) not in (0, len(convolutions) - 2):
            return None
        bias = any("bias" in layer for layer in convolutions[1:-1])
        return cls(tuple(layers), inputs, outputs, width, len(convolutions), bool(norms), bias)

    def load_into(self, modules: Iterable[nn.Module]) -> None:
        """Load the tensors into convolutions and batch normalisations, in order; absent biases are zero.

        Raises:
            RuntimeError: shapes differ.
        """
        own = [module for module in modules if isinstance(module, nn.Conv2d | nn.BatchNorm2d)]
        for module, layer in zip(own, self.layers, strict=True):
            complete = dict(layer)
            if isinstance(module, nn.BatchNorm2d):
                complete.setdefault("num_batches_tracked", torch.tensor(0))
            elif module.bias is not None:
                complete.setdefault("bias", torch.zeros(module.out_channels))
            module.load_state_dict(complete)


def _numbered(state: Mapping[str, Tensor]) -> list[dict[str, Tensor]] | None:
    """Group `prefix.N.parameter` by N, in rising order; None if a name has another form."""
    layers: dict[int, dict[str, Tensor]] = {}
    prefixes = set()
    for name, tensor in state.items():
        match = re.fullmatch(r"((?:\w+\.)*?)(\d{1,6})\.(\w+)", name)
        if match is None:
            return None
        prefixes.add(match[1])
        layers.setdefault(int(match[2]), {})[match[3]] = tensor
    ordered = [layers[number] for number in sorted(layers)]
    return ordered if len(prefixes) == 1 and all("weight" in layer for layer in ordered) else None
