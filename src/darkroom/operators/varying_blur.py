"""Spatially varying blur: y = Σ_b m_b ∘ (k_b ⊗ x), its true adjoint, by Fourier transforms or directly, in tiles."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d, pad

from darkroom.core.errors import DarkroomError
from darkroom.operators.blur import Blur
from darkroom.operators.kernel_field import KernelField, check
from darkroom.operators.linear import LinearMap, LinearOperator

Boundary = Literal["valid", "circular", "reflect"]
Algorithm = Literal["auto", "fourier", "direct"]

FOURIER_FROM = 121
"""Values of a kernel from which Fourier transforms are faster than sums, on CPUs; see `benchmarks/varying_blur_speed.py`."""

TILE = 256
"""Side of the tiles in pixels: larger ones leave the processor's cache, smaller ones have more margin than content."""

Sharp = Float[Tensor, "batch channel height width"]
Blurred = Float[Tensor, "batch channel blurred_height blurred_width"]
Basis = Float[Tensor, "batch basis kernel_height kernel_width"]
Masks = Float[Tensor, "batch basis blurred_height blurred_width"]


def blurred(x: Sharp, field: KernelField, *, algorithm: Algorithm = "auto") -> Blurred:
    """Σ_b m_b ∘ (k_b ⊗ x) for a batch, each image with a field of its own; only where whole kernels lie inside x.

    First convolve, then mask: the pixels of y that lie in a region all gather light by its kernel. Differentiable in everything.

    Args:
        x: sharp images, in linear light.
        field: kernels `(batch, basis, kernel_height, kernel_width)`, and masks of the size of y, which is smaller than x by the
            kernels' size minus 1.
        algorithm: see `VaryingBlur`.

    Source: Carbajal et al. 2021 (arXiv 2102.01026), the forward model.

    Example:
        >>> field = KernelField(torch.full((1, 2, 3, 5), 1 / 15), torch.full((1, 2, 6, 6), 0.5))
        >>> blurred(torch.ones(1, 3, 8, 10), field)[0, 0, 0, 0].item()
        1.0
    """
    return _Engine(field.kernels, x.shape[-2:], algorithm).forward(x, field.masks)


def backprojected(y: Blurred, field: KernelField, *, algorithm: Algorithm = "auto") -> Sharp:
    """The adjoint of `blurred`: Σ_b k_b ⋆ (m_b ∘ y). First mask, then correlate."""
    rows, columns = field.kernels.shape[-2:]
    return _Engine(field.kernels, (y.shape[-2] + rows - 1, y.shape[-1] + columns - 1), algorithm).adjoint(y, field.masks)


@dataclass(frozen=True)
class VaryingBlur(LinearOperator):
    """H: a spatially varying blur for images of one size, (Hx)(i) = Σ_b m_b(i) Σ_j k_b(j) x(i − j).

    The image is processed in tiles, so that beside images and masks only a few MB are held. A basis kernel whose mask is zero in a
    tile costs nothing there.

    Args:
        field: kernels and masks; the masks have the size of y.
        boundary: "valid": x is larger than y by the kernels' size minus 1, nothing is assumed beyond it; "circular": periodic
            continuation; "reflect": reflection about the centres of the outermost pixels. Images may be smaller than a kernel.
        algorithm: "fourier" (products of spectra), "direct" (sums), or "auto" by the size of the kernels.
        tile: side of the tiles.

    Raises:
        DarkroomError: the field is not one; see `kernel_field.check`.

    Example:
        >>> masks = torch.linspace(0, 1, 20).expand(30, 20)
        >>> field = KernelField(torch.stack([torch.full((5, 5), 1 / 25), torch.eye(5) / 5]), torch.stack([masks, 1 - masks]))
        >>> blur = VaryingBlur(field)
        >>> blur(torch.ones(3, 30, 20)).mean().item(), blur.adjoint(torch.ones(3, 30, 20)).shape
        (1.0, torch.Size([3, 30, 20]))
    """

    field: KernelField
    boundary: Boundary = "reflect"
    algorithm: Algorithm = "auto"
    tile: int = TILE

    def __post_init__(self) -> None:
        check(self.field)

    @property
    def margins(self) -> tuple[int, int]:
        """Half the kernels' size, rounded down: rows above and below, columns left and right."""
        return self.field.kernels.shape[-2] // 2, self.field.kernels.shape[-1] // 2

    @property
    def output_shape(self) -> tuple[int, int]:
        """Height and width of Hx."""
        return self.field.masks.shape[-2], self.field.masks.shape[-1]

    @property
    def padded_shape(self) -> tuple[int, int]:
        """Height and width of y with the kernels' margins around it."""
        (height, width), (down, right) = self.output_shape, self.margins
        return height + 2 * down, width + 2 * right

    @property
    def input_shape(self) -> tuple[int, int]:
        """Height and width of x."""
        return self.padded_shape if self.boundary == "valid" else self.output_shape

    def __call__(self, x: Float[Tensor, "*batch height width"]) -> Float[Tensor, "*batch blurred_height blurred_width"]:
        """H x.

        Raises:
            DarkroomError: x is not of the operator's `input_shape`.
        """
        self._require(x, self.input_shape, "this blur")
        images = x.reshape(1, -1, *x.shape[-2:])
        if self.boundary != "valid":
            rows, columns = (index.to(x.device) for index in self._continuation)
            images = images[..., rows, :][..., columns]
        y = images.new_empty(*images.shape[:2], *self.output_shape)
        for (top, bottom, left, right), kernels, masks in self._tiles(x):
            patch = images[..., top : bottom + 2 * self.margins[0], left : right + 2 * self.margins[1]]
            y[..., top:bottom, left:right] = kernels.forward(patch, masks)
        return y.view(*x.shape[:-2], *self.output_shape)

    def adjoint(self, y: Float[Tensor, "*batch blurred_height blurred_width"]) -> Float[Tensor, "*batch height width"]:
        """Hᵀ y, for which ⟨H x, y⟩ = ⟨x, Hᵀ y⟩: mask, then correlate, then fold the continuation back.

        Raises:
            DarkroomError: y is not of the operator's `output_shape`.
        """
        self._require(y, self.output_shape, "the adjoint of this blur")
        images = y.reshape(1, -1, *y.shape[-2:])
        x = images.new_zeros(*images.shape[:2], *self.padded_shape)
        for (top, bottom, left, right), kernels, masks in self._tiles(y):
            patch = kernels.adjoint(images[..., top:bottom, left:right], masks)
            x[..., top : bottom + 2 * self.margins[0], left : right + 2 * self.margins[1]] += patch
        if self.boundary != "valid":
            rows, columns = (index.to(y.device) for index in self._continuation)
            narrow = x.new_zeros(*x.shape[:-1], self.output_shape[1]).index_add_(-1, columns, x)
            x = x.new_zeros(*x.shape[:-2], *self.output_shape).index_add_(-2, rows, narrow)
        return x.view(*y.shape[:-2], *self.input_shape)

    @cached_property
    def lipschitz(self) -> float:
        """max Hᵀ1, an upper bound of ‖HᵀH‖: rows of H sum to 1, and ‖H‖² is at most the largest row sum times the largest column sum."""
        return float(self.column_sums.max())

    @cached_property
    def column_sums(self) -> Float[Tensor, "height width"]:
        """Hᵀ1: how much of a pixel's light arrives in y; 1 inside for a uniform blur, not so for a varying one."""
        return self.adjoint(torch.ones(self.output_shape, device=self.field.masks.device))

    def preconditioner(self, alpha: float) -> LinearMap | None:
        """(CᵀC + α)⁻¹ with C the circular blur by the mean kernel; None where the image is smaller than a kernel."""
        kernel, (height, width) = self.field.mean_kernel.float().clamp(min=0), self.input_shape
        if kernel.shape[0] > height or kernel.shape[1] > width:
            return None
        return Blur(kernel, height, width, "circular").normal_inverse(alpha)

    def _tiles(self, like: Tensor) -> Iterator[tuple[tuple[int, int, int, int], "_Engine", Masks]]:
        """Tiles of y, with the kernels that count there and their masks."""
        engine, (height, width) = self._engine(like), self.output_shape
        for top in range(0, height, self.tile):
            for left in range(0, width, self.tile):
                bottom, right = min(top + self.tile, height), min(left + self.tile, width)
                masks = self.field.masks[:, top:bottom, left:right].to(like)
                yield (top, bottom, left, right), engine, masks[None]

    def _engine(self, like: Tensor) -> "_Engine":
        key = (like.dtype, like.device)
        if key not in self._engines:
            (height, width), (down, right) = self.output_shape, self.margins
            side = (min(self.tile, height) + 2 * down, min(self.tile, width) + 2 * right)
            self._engines[key] = _Engine(self.field.kernels.to(like)[None], side, self.algorithm)
        return self._engines[key]

    @cached_property
    def _engines(self) -> dict[tuple[torch.dtype, torch.device], "_Engine"]:
        return {}

    @cached_property
    def _continuation(self) -> tuple[Tensor, Tensor]:
        """Indices of the rows and columns of the image that the continued one consists of."""
        (height, width), (down, right) = self.output_shape, self.margins
        return _continued(height, down, self.boundary), _continued(width, right, self.boundary)

    @staticmethod
    def _require(x: Tensor, size: tuple[int, int], name: str) -> None:
        if tuple(x.shape[-2:]) != size:
            raise DarkroomError(f"{name} takes images of {size[1]}x{size[0]}, given {x.shape[-1]}x{x.shape[-2]}")


class _Engine:
    """Valid convolution with several kernels and mixing, and its adjoint, for patches of at most one size."""

    def __init__(self, kernels: Basis, size: tuple[int, ...], algorithm: Algorithm) -> None:
        self.kernels, (self.rows, self.columns) = kernels, kernels.shape[-2:]
        large = self.rows * self.columns > FOURIER_FROM
        self.fourier = algorithm == "fourier" or (algorithm == "auto" and large)
        self.size = (_fast_length(size[0]), _fast_length(size[1]))

    @cached_property
    def spectra(self) -> Tensor:
        return torch.fft.rfft2(self.kernels, self.size)

    def forward(self, x: Sharp, masks: Masks) -> Blurred:
        if not self.fourier:
            return torch.cat([self._direct(*one) for one in zip(x, self.kernels, masks, strict=True)])
        spectrum, total = torch.fft.rfft2(x, self.size), x.new_zeros(())
        for b in _used(masks):
            convolved = torch.fft.irfft2(spectrum * self.spectra[:, None, b], self.size)
            inside = convolved[..., self.rows - 1 : x.shape[-2], self.columns - 1 : x.shape[-1]]
            total = total + masks[:, None, b] * inside
        return total

    def adjoint(self, y: Blurred, masks: Masks) -> Sharp:
        if not self.fourier:
            return torch.cat([self._direct_adjoint(*one) for one in zip(y, self.kernels, masks, strict=True)])
        total = torch.zeros((), dtype=self.spectra.dtype, device=y.device)
        for b in _used(masks):
            masked = pad(masks[:, None, b] * y, (self.columns - 1, 0, self.rows - 1, 0))
            total = total + torch.fft.rfft2(masked, self.size) * self.spectra[:, None, b].conj()
        x = torch.fft.irfft2(total, self.size)
        return x[..., : y.shape[-2] + self.rows - 1, : y.shape[-1] + self.columns - 1]

    @staticmethod
    def _direct(x: Tensor, kernels: Tensor, masks: Tensor) -> Tensor:
        convolved = conv2d(x[:, None], kernels.flip(-2, -1)[:, None])  # conv2d correlates
        return (convolved * masks).sum(1)[None]

    def _direct_adjoint(self, y: Tensor, kernels: Tensor, masks: Tensor) -> Tensor:
        masked = pad(y[:, None] * masks, 2 * (self.columns - 1,) + 2 * (self.rows - 1,))
        return conv2d(masked, kernels[:, None], groups=len(kernels)).sum(1)[None]


def _used(masks: Masks) -> list[int]:
    """The basis elements that have a share somewhere; all of them where gradients are computed."""
    if masks.requires_grad:
        return list(range(masks.shape[-3]))
    return masks.transpose(0, -3).flatten(1).any(1).nonzero().flatten().tolist() or [0]


def _fast_length(length: int) -> int:
    """The smallest length from here on that has no prime factors but 2, 3 and 5.

    Example:
        >>> _fast_length(289), _fast_length(97)
        (300, 100)
    """
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 1


def _continued(length: int, margin: int, boundary: Boundary) -> Tensor:
    """The indices −margin … length − 1 + margin, taken modulo the length, or reflected about 0 and length − 1."""
    indices = torch.arange(-margin, length + margin)
    if boundary == "circular":
        return indices % length
    period = max(2 * (length - 1), 1)
    indices = indices % period
    return torch.where(indices < length, indices, period - indices)
