"""Tiling: images in tiles with margins, results blended into one image, and the tile's size for a memory budget."""

import itertools
import math
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from darkroom.core.errors import DarkroomError
from darkroom.core.network import RestorationNetwork

MAX_MARGIN = 64
"""The widest margin of a tile, in pixels of the input."""

OVERHEAD = 1.25
"""Memory that is budgeted over the peak of the tensors, for the workspace of the operations themselves."""


class Tile(NamedTuple):
    """A tile `[top, bottom) × [left, right)`, and the width of its margin on each side."""

    top: int
    bottom: int
    left: int
    right: int
    above: int
    below: int
    before: int
    after: int


def tiles(height: int, width: int, side: int, halo: int, grid: int = 1) -> Iterator[Tile]:
    """Divide an image into tiles of nearly equal size, at most `side` pixels a side, with margins clipped to the image.

    Args:
        height, width: of the image.
        side: a multiple of `grid`.
        halo: width of the margins, a multiple of `grid`.
        grid: tiles begin on multiples of it.

    Example:
        >>> [(tile.left, tile.right, tile.before, tile.after) for tile in tiles(10, 25, side=10, halo=4)]
        [(0, 8, 0, 4), (8, 16, 4, 4), (16, 25, 4, 0)]
    """
    for (top, bottom), (left, right) in itertools.product(_spans(height, side, grid), _spans(width, side, grid)):
        yield Tile(
            top, bottom, left, right, min(halo, top), min(halo, height - bottom), min(halo, left), min(halo, width - right)
        )


@dataclass(frozen=True)
class Tiling:
    """How a network is applied in tiles.

    Args:
        halo: width of the margins, in pixels of the input.
        grid: tiles begin on multiples of it.
        scale: side of the output over side of the input.
        feather: neighbours are blended over this many pixels (at most half a tile) on both sides of their common edge; 0 where
            tiles are exact.
    """

    halo: int
    grid: int
    scale: int
    feather: int

    @classmethod
    def of(cls, network: RestorationNetwork) -> "Tiling":
        """Margins of the network's halo in whole cells, where it is at most `MAX_MARGIN`: then tiles are exact.

        A network with a larger receptive field gets the widest margins, and tiles are blended over the inner half of these.
        """
        halo = -(-min(network.halo, MAX_MARGIN) // network.grid) * network.grid
        return cls(halo, network.grid, network.scale, halo // 2 if network.halo > halo else 0)

    def apply(
        self,
        restore: Callable[[Tensor], Tensor],
        image: Float[Tensor, "channel height width"],
        side: int,
        progress: Callable[[int, int], None],
    ) -> Float[Tensor, "new_channel height2 width2"]:
        """Restore an image tile by tile.

        Args:
            restore: the network, `(channel, height, width)` to `(any channel, scale · height, scale · width)`, on the CPU.
            image: its sides are multiples of `grid`.
            side: of the tiles, a multiple of `grid`.
            progress: called with the number of tiles done and their total.
        """
        _, height, width = image.shape
        s, output = self.scale, torch.zeros(0)
        cut = list(tiles(height, width, side, self.halo, self.grid))
        # Only two neighbours may overlap at a pixel, for their weights to sum to 1.
        down = min(self.feather, *((tile.bottom - tile.top) // 2 for tile in cut))
        across = min(self.feather, *((tile.right - tile.left) // 2 for tile in cut))
        for done, tile in enumerate(cut, 1):
            restored = restore(
                image[:, tile.top - tile.above : tile.bottom + tile.below, tile.left - tile.before : tile.right + tile.after]
            )
            output = output if done > 1 else restored.new_zeros(len(restored), height * s, width * s)
            above, below = min(down, tile.above), min(down, tile.below)
            before, after = min(across, tile.before), min(across, tile.after)
            inner = restored[
                :,
                (tile.above - above) * s : (tile.above + tile.bottom - tile.top + below) * s,
                (tile.before - before) * s : (tile.before + tile.right - tile.left + after) * s,
            ]
            place = output[
                :, (tile.top - above) * s : (tile.bottom + below) * s, (tile.left - before) * s : (tile.right + after) * s
            ]
            place += _ramp(inner.shape[1], above * s, below * s)[:, None] * _ramp(inner.shape[2], before * s, after * s) * inner
            progress(done, len(cut))
        return output

    def side_within(self, memory: int, per_pixel: float) -> int:
        """The side of the largest tile (without its margin) whose tensors stay within a budget.

        Args:
            memory: in bytes.
            per_pixel: see `bytes_per_pixel`.

        Raises:
            DarkroomError: the budget is too small for the smallest tile.
        """
        side = (int(math.sqrt(memory / per_pixel)) - 2 * self.halo) // self.grid * self.grid
        smallest = -(-max(16, self.halo) // self.grid) * self.grid
        if side < smallest:
            needed = (smallest + 2 * self.halo) ** 2 * per_pixel / 2**20
            raise DarkroomError(
                f"--memory {memory >> 20} MiB is too little for this network: it needs at least {needed:.0f} MiB"
            )
        return side

    def bytes_per_pixel(self, run: Callable[[int], None]) -> float:
        """Peak memory of the network's tensors per pixel of the input, times `OVERHEAD`.

        Args:
            run: runs the network on an image of the given side.
        """
        side = -(-(64 + self.halo) // self.grid) * self.grid
        with _PeakMemory() as memory:
            run(side)
        return OVERHEAD * memory.peak / side**2


class _PeakMemory(TorchDispatchMode):
    """Measures the peak of the memory of all tensors that are created inside it."""

    def __init__(self) -> None:
        super().__init__()
        self.current = self.peak = 0
        self.alive: set[int] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(output):
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                key, size = storage._cdata, storage.nbytes()
                if key not in self.alive:
                    self.alive.add(key)
                    self.current += size
                    weakref.finalize(storage, self._freed, key, size)
        self.peak = max(self.peak, self.current)
        return output

    def _freed(self, key: int, size: int) -> None:
        self.alive.discard(key)
        self.current -= size


def _ramp(length: int, first: int, last: int) -> Float[Tensor, " length"]:
    """Weights 1, rising from 0 over the first 2·`first` pixels and falling to 0 over the last 2·`last`; neighbours sum to 1."""
    ramp = torch.ones(length)
    if first:
        ramp[: 2 * first] = (torch.arange(2 * first) + 0.5) / (2 * first)
    if last:
        ramp[length - 2 * last :] *= ((torch.arange(2 * last) + 0.5) / (2 * last)).flip(0)
    return ramp


def _spans(length: int, side: int, grid: int) -> list[tuple[int, int]]:
    cells = -(-length // grid)
    count = -(-cells // (side // grid))
    edges = [min(length, grid * (cells * number // count)) for number in range(count + 1)]
    return list(itertools.pairwise(edges))
