"""Pixelwise networks that vary in space: one small perceptron for each tile of an image, its parameters predicted by a network."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from torch.nn.functional import embedding, leaky_relu

SLOPE = 0.01
"""Of the leaky ReLU between layers."""

CACHED = 1 << 18
"""Activations (numbers of one layer) that are computed at a time in evaluation, so that they stay in a core's cache."""


class PixelwiseNetworks(nn.Module):
    """One perceptron a tile, applied to every pixel of its tile: pixel → width → … → width → outputs, leaky ReLU between.

    A pixel is its input (a label, or channels) and its position in the tile. The module has no parameters: each tile's are an
    argument, for each layer a vector of the weights `(in, out)` and the biases `(out,)`, of the lengths `numbers`. They are never
    spread over pixels: the layers of a tile are matrix products of its pixels and its weights, batched over tiles; in evaluation
    a few tiles at a time, in two buffers which stay in the cache. A label map is not expanded to channels: one-hot input times a
    matrix is a row of the matrix.

    Args:
        labels: number of ids, where pixels are labels; otherwise 0.
        channels: of a pixel, where it is none.
        octaves: of the positional encoding, see `positions`.
        width: of the hidden layers.
        depth: number of layers.
        outputs: of the last layer.

    Source: Shaham et al. 2021 (ASAPNet), sections 3.1 and 3.3.

    Example:
        >>> networks = PixelwiseNetworks(labels=35, octaves=4)
        >>> networks.numbers, sum(networks.numbers)
        ([3328, 4160, 4160, 4160, 195], 16003)
        >>> parameters = [torch.zeros(1, 2, 3, number) for number in networks.numbers]
        >>> networks(parameters, torch.zeros(1, 1, 32, 48, dtype=torch.long)).shape
        torch.Size([1, 3, 32, 48])
    """

    def __init__(
        self, *, labels: int = 0, channels: int = 3, octaves: int, width: int = 64, depth: int = 5, outputs: int = 3
    ) -> None:
        super().__init__()
        self.labels, self.octaves = labels, octaves
        self.widths = [(labels or channels) + 4 * octaves, *[width] * (depth - 1), outputs]
        self.numbers = [(before + 1) * after for before, after in self.layers()]

    def layers(self) -> list[tuple[int, int]]:
        """Inputs and outputs of each layer."""
        return list(pairwise(self.widths))

    def forward(
        self, parameters: Sequence[Float[Tensor, "batch rows columns _"]], pixels: Shaped[Tensor, "batch c height width"]
    ) -> Float[Tensor, "batch outputs height width"]:
        """Apply the networks of a grid of tiles.

        Args:
            parameters: of each layer, for the network of each tile.
            pixels: a label map with one channel, int64, or channels; height and width are the same multiple of rows and columns.
        """
        batch, rows, columns, _ = parameters[0].shape
        side = pixels.shape[-1] // columns
        tiles, flat = _tiles(pixels, side), [layer.flatten(0, 2) for layer in parameters]
        where = positions(side, self.octaves, pixels.device).to(flat[0].dtype)
        if torch.is_grad_enabled():
            found = self._on_tiles(flat, tiles, where)
        else:
            found = flat[0].new_empty(len(tiles), self.widths[-1], side * side)
            count = max(1, CACHED // (side * side * max(self.widths[1:])))
            length = min(count, len(tiles)) * side * side * max(self.widths[1:])
            buffers = found.new_empty(length), found.new_empty(length)
            for start in range(0, len(tiles), count):
                part = slice(start, start + count)
                found[part] = self._on_tiles([layer[part] for layer in flat], tiles[part], where, buffers)
        return found.view(batch, rows, columns, -1, side, side).permute(0, 3, 1, 4, 2, 5).flatten(2, 3).flatten(3, 4)

    def _on_tiles(
        self,
        parameters: Sequence[Float[Tensor, "t _"]],
        tiles: Shaped[Tensor, "t p c"],
        where: Float[Tensor, "p e"],
        buffers: Sequence[Float[Tensor, " _"]] = (),
    ) -> Float[Tensor, "t outputs p"]:
        """The networks of some tiles on their pixels; activations are written to the buffers in turn, if there are any."""
        out = [
            _beginning(buffers[layer % 2], (*tiles.shape[:2], width)) if buffers else None
            for layer, width in enumerate(self.widths[1:])
        ]
        (weight, bias), *between, last = [_matrices(*layer) for layer in zip(parameters, self.layers(), strict=True)]
        from_pixels, from_positions = weight.split([weight.shape[1] - where.shape[1], where.shape[1]], 1)
        positional = where.expand(len(tiles), -1, -1)
        if self.labels:
            x = torch.baddbmm(_rows(from_pixels + bias, tiles[..., 0], out[0]), positional, from_positions, out=out[0])
        else:
            x = torch.baddbmm(bias, torch.cat([tiles.to(weight.dtype), positional], 2), weight, out=out[0])
        for (weight, bias), written in zip(between, out[1:-1], strict=True):
            x = torch.baddbmm(bias, leaky_relu(x, SLOPE, inplace=not x.requires_grad), weight, out=written)
        # The few outputs come first: so the product is faster, and they are the planes of an image.
        weight, bias = (matrix.transpose(1, 2) for matrix in last)
        return torch.baddbmm(bias, weight, leaky_relu(x, SLOPE, inplace=not x.requires_grad).transpose(1, 2))


def _beginning(buffer: Float[Tensor, " _"], shape: tuple[int, ...]) -> Tensor:
    """The first numbers of a buffer, as a tensor of a shape."""
    return buffer[: math.prod(shape)].view(shape)


def _matrices(parameters: Float[Tensor, "t _"], layer: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Weights `(tiles, in, out)` and biases `(tiles, 1, out)` of a layer; views, not copies."""
    before, after = layer
    return parameters[:, : before * after].unflatten(1, layer), parameters[:, None, before * after :]


def positions(side: int, octaves: int, device: torch.device | None = None) -> Float[Tensor, "pixels features"]:
    """Sines and cosines of x and y within a tile, at the periods k, k/2, …, k/2^(octaves − 1), where k is the tile's side in pixels.

    Source: Shaham et al. 2021, section 3.3 and equation 3.

    Example:
        >>> positions(4, 2).shape
        torch.Size([16, 8])
    """
    angles = 2 * math.pi * torch.arange(side, device=device) / side
    waves = angles[:, None] * 2.0 ** torch.arange(octaves, device=device)
    along = torch.cat([waves.sin(), waves.cos()], 1)  # of one axis
    across = along[None].expand(side, -1, -1), along[:, None].expand(-1, side, -1)
    return torch.cat(across, 2).flatten(0, 1)


def _rows(
    table: Float[Tensor, "t labels width"], ids: Int[Tensor, "t p"], out: Float[Tensor, "t p width"] | None
) -> Float[Tensor, "t p width"]:
    """For each pixel, the row of its label in the table of its tile."""
    rows = ids + torch.arange(len(table), device=ids.device)[:, None] * table.shape[1]
    if out is None:
        return embedding(rows, table.flatten(0, 1))
    torch.index_select(table.flatten(0, 1), 0, rows.flatten(), out=out.flatten(0, 1))
    return out


def _tiles(x: Shaped[Tensor, "b c h w"], side: int) -> Shaped[Tensor, "tiles pixels c"]:
    """An image as a batch of tiles, row by row, their pixels row by row."""
    batch, channels, height, width = x.shape
    cells = x.reshape(batch, channels, height // side, side, width // side, side)
    return cells.permute(0, 2, 4, 3, 5, 1).reshape(-1, side * side, channels)
