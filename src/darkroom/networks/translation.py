"""The contract of generators that translate label maps or images to images, and how their input is encoded."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.layers.label_maps import encoded

Source = Int[Tensor, "batch 1 height width"] | Float[Tensor, "batch 3 height width"]
"""A label map, int64, or an RGB image in [0, 1]."""


class TranslationNetwork(nn.Module, ABC):
    """A generator from label maps, or from images, to images.

    It is called with label maps `(batch, 1, height, width)`, int64, or with images `(batch, 3, height, width)` in [0, 1], and with
    maps of instances if it has `edges`; it returns images in [0, 1]. One is defined by `generate`, which begins with a
    `layers.label_convolution.LabelConvolution` and returns an image in [−1, 1], the range of its tanh.

    Args:
        labels: number of ids of the label maps, or 0 for a network that is given RGB images.
        edges: whether the edges of instances are a further channel of the input.

    Attributes:
        multiple: both sides of the input are multiples of it.
    """

    multiple: int = 1

    def __init__(self, labels: int, *, edges: bool = False) -> None:
        super().__init__()
        self.labels, self.edges = labels, edges

    @property
    def channels(self) -> int:
        """Of the encoded input."""
        return (self.labels or 3) + self.edges

    def encoded(
        self, source: Source, instances: Int[Tensor, "batch 1 height width"] | None = None
    ) -> Float[Tensor, "batch channels height width"]:
        """The input as channels, as discriminators are given it; see `layers.label_maps.encoded`."""
        return encoded(source, self.labels, self.edge_source(instances))

    def edge_source(self, instances: Tensor | None) -> Tensor | None:
        """The instances, where the network is given their edges.

        Raises:
            DarkroomError: it is, and there are none.
        """
        if self.edges and instances is None:
            raise DarkroomError("this network is given the edges of instances, and there is no map of instances")
        return instances if self.edges else None

    def forward(
        self, source: Source, instances: Int[Tensor, "batch 1 height width"] | None = None
    ) -> Float[Tensor, "batch 3 height width"]:
        """Translate; the output is in [0, 1].

        Raises:
            DarkroomError: the size is not a multiple of `multiple`, the input is not what the network takes, or instances are missing.
        """
        self.require(source)
        return (self.generate(source, self.edge_source(instances)) + 1) / 2

    @abstractmethod
    def initialise(self, generator: torch.Generator) -> "TranslationNetwork":
        """Draw all weights; returns the network."""

    @abstractmethod
    def generate(
        self, source: Source, instances: Int[Tensor, "batch 1 height width"] | None
    ) -> Float[Tensor, "batch 3 height width"]:
        """The image in [−1, 1]; instances are there if, and only if, the network has `edges`."""

    def require(self, source: Tensor) -> None:
        """Raise if the network cannot be given an input of this type or size.

        Raises:
            DarkroomError: in words.
        """
        if source.is_floating_point() == bool(self.labels):
            takes = f"label maps of {self.labels} labels" if self.labels else "RGB images"
            raise DarkroomError(f"this network takes {takes}, given {'an image' if self.labels else 'a label map'}")
        height, width = source.shape[-2:]
        if height % self.multiple or width % self.multiple:
            raise DarkroomError(
                f"this network takes sizes that are multiples of {self.multiple}, given {width}x{height}: resize it to "
                f"{_nearest(width, self.multiple)}x{_nearest(height, self.multiple)}"
            )


def _nearest(length: int, multiple: int) -> int:
    return max(1, round(length / multiple)) * multiple
