"""Windows of SwinIR: the permutations between an image's rows of pixels, windows, and shifted windows."""

from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Permutation(NamedTuple):
    """A permutation of the rows of a matrix, `y = x[forward]`, and its inverse, `x = y[backward]`."""

    forward: Tensor
    backward: Tensor

    def inverse(self) -> "Permutation":
        return Permutation(self.backward, self.forward)


class WindowOrder(NamedTuple):
    """Orders of the pixels of a batch of images of one size, as permutations of the rows of `(batch · height · width, features)`.

    Args:
        windows: from raster order to windows, one after another.
        raster: and back.
        shift: from windows to windows shifted by half their side; those that contain pixels of opposite image borders come last.
        unshift: and back.
        mask: 0 between pixels of one image region and −100 otherwise, for each of these last windows, `(windows, pixels, pixels)`.
        unmasked: number of shifted windows before them.
        pixels: of a window.
    """

    windows: Permutation
    raster: Permutation
    shift: Permutation
    unshift: Permutation
    mask: Tensor
    unmasked: int
    pixels: int


@lru_cache(maxsize=8)
def window_order(batch: int, height: int, width: int, window_size: int, device: str) -> WindowOrder:
    """The orders of the pixels of a batch of images; cached, as they depend on sizes only.

    Args:
        batch: number of images.
        height, width: multiples of the window's size.
        window_size: side of a window in pixels.
        device: where the tensors are placed.
    """
    half = window_size // 2
    numbers = torch.arange(batch * height * width).view(batch, height, width)
    regular = _partition(numbers, window_size)
    shifted = _partition(numbers.roll((-half, -half), (1, 2)), window_size)
    regions = _partition(_regions(height, width, window_size)[None], window_size).repeat(batch, 1)
    differ = regions[:, None, :] != regions[:, :, None]
    split = differ.flatten(1).any(1)
    shifted = torch.cat([shifted[~split], shifted[split]]).flatten()
    windows = _permutation(regular.flatten())
    shift = _permutation(windows.backward[shifted])
    mask = torch.where(differ[split], -100.0, 0.0).to(device)
    windows, shift = (Permutation(p.forward.to(device), p.backward.to(device)) for p in (windows, shift))
    return WindowOrder(windows, windows.inverse(), shift, shift.inverse(), mask, int((~split).sum()), window_size**2)


def _regions(height: int, width: int, window_size: int) -> Tensor:
    """The number, 0 to 8, of the region that each pixel of a cyclically shifted image comes from."""
    half = window_size // 2
    regions = torch.zeros(height, width, dtype=torch.long)
    slices = (slice(0, -window_size), slice(-window_size, -half), slice(-half, None))
    for down, rows in enumerate(slices):
        for right, columns in enumerate(slices):
            regions[rows, columns] = 3 * down + right
    return regions


def _partition(images: Tensor, window_size: int) -> Tensor:
    """`(batch, height, width)` to `(batch · windows, pixels of a window)`."""
    batch, height, width = images.shape
    cells = images.view(batch, height // window_size, window_size, width // window_size, window_size).transpose(2, 3)
    return cells.reshape(-1, window_size**2)


def _permutation(forward: Tensor) -> Permutation:
    backward = torch.empty_like(forward)
    backward[forward] = torch.arange(len(forward))
    return Permutation(forward, backward)


class _Permute(torch.autograd.Function):
    """A permutation of rows whose gradient is a gather too, where that of `index_select` would be a scatter."""

    @staticmethod
    def forward(context: Any, x: Tensor, forward: Tensor, backward: Tensor) -> Tensor:
        context.save_for_backward(backward)
        return x.index_select(0, forward)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        return gradient.contiguous().index_select(0, context.saved_tensors[0]), None, None


def permute_rows(x: Tensor, permutation: Permutation) -> Tensor:
    """`x[permutation.forward]`, differentiable."""
    return _Permute.apply(x, permutation.forward, permutation.backward)  # type: ignore[no-any-return]
