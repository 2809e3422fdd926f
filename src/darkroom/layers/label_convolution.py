"""The first convolution of a network that is given label maps: sums of rows of its weights, instead of products with zeros."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import embedding, embedding_bag, max_pool2d, pad

from darkroom.layers.label_maps import encoded, instance_edges

AT_A_TIME = 1 << 14
"""Pixels whose neighbourhoods are looked up together, to bound the memory of their indices."""


class LabelConvolution(nn.Conv2d):
    """A convolution of the encoded input (`label_maps.encoded`), which is not made where that can be avoided.

    A one-hot input selects weights: the output at a pixel is a sum of k² rows of a table with a row for each label and place in
    the window. Where all of a window has one label, as most of a label map, it is one row of the table of their sums. On a CPU
    without gradients this is how it is computed; otherwise it is an ordinary convolution. The two agree up to rounding.

    Args:
        labels: number of ids, or 0 for RGB images.
        edges: whether the edges of instances are a further channel.
        features: of the output.
        kernel_size, stride, padding, padding_mode, bias: see `torch.nn.Conv2d`; zeros or reflection.

    Example:
        >>> convolution, ids = LabelConvolution(4, False, 8, kernel_size=3, padding=1), torch.randint(4, (1, 1, 16, 16))
        >>> with torch.no_grad():
        ...     summed = convolution(ids)
        >>> torch.allclose(summed, convolution(ids), atol=1e-5)
        True
    """

    def __init__(
        self,
        labels: int,
        edges: bool,
        features: int,
        *,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        padding_mode: Literal["zeros", "reflect"] = "zeros",
        bias: bool = True,
    ) -> None:
        super().__init__((labels or 3) + edges, features, kernel_size, stride, padding, padding_mode=padding_mode, bias=bias)
        self.labels = labels

    def forward(  # type: ignore[override]
        self,
        source: Int[Tensor, "batch 1 height width"] | Float[Tensor, "batch 3 height width"],
        instances: Int[Tensor, "batch 1 height width"] | None = None,
    ) -> Float[Tensor, "batch features height2 width2"]:
        """Convolve a label map or an image, and the edges of its instances."""
        if self.labels and source.device.type == "cpu" and not torch.is_grad_enabled():
            return self._summed(source, instances)
        return super().forward(encoded(source, self.labels, instances))

    def _summed(self, ids: Tensor, instances: Tensor | None) -> Tensor:
        """The same as sums of rows."""
        table = self._table(instances is not None)
        symbols = ids if instances is None else ids + self.labels * instance_edges(instances).long()
        padded = self._padded(symbols, len(table) - 1)
        highest, lowest = self._pooled(padded), -self._pooled(-padded)
        sums = table.sum(1) if self.bias is None else table.sum(1) + self.bias
        output = embedding(highest.long(), sums)  # of windows with one symbol
        mixed = (highest != lowest).nonzero()
        side, stride = self.kernel_size[0], self.stride[0]
        windows = padded.unfold(1, side, stride).unfold(2, side, stride)
        for some in mixed.split(AT_A_TIME):
            batch, row, column = some.unbind(1)
            places = windows[batch, row, column].flatten(1).long() * side**2 + torch.arange(side**2)
            found = embedding_bag(places, table.flatten(0, 1), mode="sum")
            output[batch, row, column] = found if self.bias is None else found + self.bias
        return output.permute(0, 3, 1, 2)

    def _table(self, edges: bool) -> Float[Tensor, "symbols window features"]:
        """Rows for each symbol and place: those of the labels, of the labels with an edge, and zeros, beyond the border."""
        rows = self.weight.permute(1, 2, 3, 0).flatten(1, 2)
        of_labels = rows[: self.labels]
        with_edges = [of_labels + rows[self.labels]] if edges else []
        return torch.cat([of_labels, *with_edges, torch.zeros_like(rows[:1])])

    def _padded(self, symbols: Tensor, beyond: int) -> Float[Tensor, "batch height width"]:
        width = (self._reversed_padding_repeated_twice[0],) * 4
        x = symbols.float()
        padded = pad(x, width, value=beyond) if self.padding_mode == "zeros" else pad(x, width, mode=self.padding_mode)
        return padded[:, 0]

    def _pooled(self, x: Tensor) -> Tensor:
        """The maximum in each window."""
        side, stride = self.kernel_size[0], self.stride[0]
        return max_pool2d(max_pool2d(x, (1, side), (1, stride)), (side, 1), (stride, 1))
