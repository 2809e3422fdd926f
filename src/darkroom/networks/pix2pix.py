"""The U-Net generator of pix2pix: Image-to-Image Translation with Conditional Adversarial Networks (Isola, Zhu, Zhou, Efros 2017)."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import dropout, leaky_relu, relu

from darkroom.layers.initialization import initialise_normal
from darkroom.layers.instance_norm import InstanceNorm2d
from darkroom.layers.label_convolution import LabelConvolution
from darkroom.networks.matching import matches
from darkroom.networks.translation import Source, TranslationNetwork

WITH_DROPOUT = 3
"""Layers of the decoder with dropout: those before the features are halved for the first time, the innermost excepted."""


class UNetGenerator(TranslationNetwork):
    """An encoder of strided convolutions and a decoder with a skip connection at every scale.

    C64-C128-C256-C512-C512-C512-C512-C512 and back, all 4×4 with stride 2; LeakyReLU 0.2 in the encoder, ReLU in the decoder, tanh.
    54.41 million parameters from 3 channels to 3, with 8 levels (images of 256×256 are reduced to one pixel). Batch normalisation
    is by each image's own statistics: with the batches of one image that the paper trains with, the two are the same, and a
    prediction does not depend on the images beside it. Dropout is the generator's only noise, and is switched off in evaluation.

    Args:
        labels, edges: see `TranslationNetwork`.
        width: features of the first layer.
        levels: number of strided convolutions; both sides of an image are multiples of 2^levels.
        dropout: probability, in the decoder's first layers.

    Source: Isola et al. 2017, sections 3.2.1 and 6.1.1.

    Example:
        >>> network = UNetGenerator(labels=0, width=4, levels=5).eval()
        >>> network(torch.rand(1, 3, 32, 64)).shape
        torch.Size([1, 3, 32, 64])
    """

    def __init__(self, labels: int = 0, *, edges: bool = False, width: int = 64, levels: int = 8, dropout: float = 0.5) -> None:
        super().__init__(labels, edges=edges)
        features = [self.channels, *(width * min(2**level, 8) for level in range(levels))]
        self.multiple, self.dropout = 2**levels, dropout
        self.first = LabelConvolution(labels, edges, width, kernel_size=4, stride=2, padding=1, bias=False)
        self.down = nn.ModuleList(
            nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False) for before, after in pairwise(features[1:])
        )
        # From the innermost outwards; all but the first are given their level's features beside the level above's.
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(
                features[level + 1] * (1 if level == levels - 1 else 2),
                features[level] if level else 3,
                kernel_size=4,
                stride=2,
                padding=1,
                bias=not level,
            )
            for level in reversed(range(levels))
        )
        # Neither the first nor the innermost layer is normalised: one pixel has no variance.
        self.down_norm = nn.ModuleList(InstanceNorm2d(count, affine=True) for count in features[2:-1])
        self.up_norm = nn.ModuleList(InstanceNorm2d(features[level], affine=True) for level in reversed(range(1, levels)))

    def initialise(self, generator: torch.Generator) -> "UNetGenerator":
        """Draw the weights; returns the network."""
        initialise_normal(self, generator)
        return self

    def generate(
        self, source: Source, instances: Int[Tensor, "batch 1 height width"] | None
    ) -> Float[Tensor, "batch 3 height width"]:
        skips: list[Tensor] = [self.first(source, instances)]
        for convolution, normalise in zip(self.down[:-1], self.down_norm, strict=True):
            skips.append(normalise(convolution(leaky_relu(skips[-1], 0.2))))
        x = relu(self.down[-1](leaky_relu(skips[-1], 0.2)))
        for number, (convolution, normalise) in enumerate(zip(self.up[:-1], self.up_norm, strict=True)):
            x = normalise(convolution(x))
            if 1 <= number <= WITH_DROPOUT and self.training:
                x = dropout(x, self.dropout)
            x = torch.cat([relu(skips.pop()), relu(x)], 1)
        return self.up[-1](x).tanh()

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor]) -> "UNetGenerator | None":
        """Build the generator of a public pix2pix checkpoint (U-Net, batch normalisation); None if it is of another network.

        The running statistics of the batch normalisations are left out: they are not used, here or by the authors.
        """
        state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
        levels = max((len(name.split(".")) for name in state), default=0) // 2 - 1  # they are nested
        first, names = state.get("model.model.0.weight"), list(_original_names(levels))
        if first is None or first.ndim != 4 or first.shape[1] != 3 or not {theirs for theirs, _ in names} <= state.keys():
            return None
        network = cls(0, width=len(first), levels=levels)
        ours = {ours: state[theirs] for theirs, ours in names}
        if not matches(network, ours):
            return None
        network.load_state_dict(ours)
        return network


def _original_names(levels: int) -> Iterator[tuple[str, str]]:
    """The names of a checkpoint's tensors, whose levels are nested, and ours."""
    parameters, place = ("weight", "bias"), "model."
    for level in range(levels):
        outermost, innermost, up = level == 0, level == levels - 1, levels - 1 - level
        yield f"{place}model.{0 if outermost else 1}.weight", "first.weight" if outermost else f"down.{level - 1}.weight"
        if not outermost and not innermost:
            yield from ((f"{place}model.2.{part}", f"down_norm.{level - 1}.{part}") for part in parameters)
        after = 3 if outermost or innermost else 5
        yield from ((f"{place}model.{after}.{part}", f"up.{up}.{part}") for part in parameters[: 1 + outermost])
        if not outermost:
            yield from ((f"{place}model.{after + 1}.{part}", f"up_norm.{up}.{part}") for part in parameters)
        place += f"model.{1 if outermost else 3}."
