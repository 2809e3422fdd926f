"""Distributions of blur kernels: what a degradation draws its kernel from."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

from darkroom.operators.blur import Kernel


@runtime_checkable
class KernelDistribution(Protocol):
    """Random blur kernels that sum to one: `distribution(generator)` draws one; its string says of which kind they are."""

    @property
    def support(self) -> int:
        """Side of the kernels in pixels, odd."""

    def __call__(self, generator: torch.Generator) -> Kernel:
        """Draw a kernel, `(support, support)`."""


@dataclass(frozen=True)
class OneKernel:
    """A `KernelDistribution` that always draws the same kernel.

    Args:
        kernel: square, with odd sides.
        words: what it is, for example "a disk of radius 2".

    Example:
        >>> blur = OneKernel(torch.full((3, 3), 1 / 9), "a box of 3x3")
        >>> print(blur.support, blur)
        3 a box of 3x3
    """

    kernel: Kernel
    words: str

    @property
    def support(self) -> int:
        return len(self.kernel)

    def __call__(self, generator: torch.Generator) -> Kernel:
        return self.kernel

    def __str__(self) -> str:
        return self.words
