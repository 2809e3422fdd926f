"""Resampling: downscaling, I_LR = (I_HR * k)↓s, and upscaling by interpolation."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.core.images import round_to_8_bits
from darkroom.core.method import Example

Kernel = Literal["nearest", "bilinear", "bicubic", "matlab", "matlab_float"]
"""`matlab` is the antialiased bicubic of MATLAB's `imresize` on uint8 images, with which the low-resolution images of the published
super-resolution tables are made; `matlab_float` is the same on floats, without rounding."""

Images = Float[Tensor, "batch channel height width"]
Resized = Float[Tensor, "batch channel new_height new_width"]


def resize(images: Images, height: int, width: int, kernel: Kernel = "bicubic", *, antialias: bool = True) -> Resized:
    """Resample to `height` × `width`.

    Args:
        images: in any range; bicubic kernels overshoot it.
        height, width: of the result.
        kernel: "nearest" takes the pixel at floor(i · scale); "bilinear" and "bicubic" are torch's; for
            "matlab" and "matlab_float" see `matlab_bicubic`.
        antialias: when downscaling, widen the kernel by the scale to suppress frequencies above the new Nyquist
            frequency, as torchvision's `Resize` does. No effect on "nearest"; MATLAB's always does.

    Example:
        >>> resize(torch.rand(1, 3, 40, 60), 20, 30).shape
        torch.Size([1, 3, 20, 30])
    """
    if kernel in ("matlab", "matlab_float"):
        return matlab_bicubic(images, height, width, uint8=kernel == "matlab")
    if kernel == "nearest":
        return nn.functional.interpolate(images, (height, width), mode="nearest")
    return nn.functional.interpolate(images, (height, width), mode=kernel, align_corners=False, antialias=antialias)


def downscale(images: Images, scale: int, kernel: Kernel = "bicubic", *, antialias: bool = True) -> Resized:
    """Downscale by an integer scale; see `resize`.

    Raises:
        DarkroomError: the scale does not divide height and width.
    """
    height, width = images.shape[-2:]
    if height % scale or width % scale:
        raise DarkroomError(f"an image of {width}x{height} cannot be downscaled by {scale}: {scale} must divide its sides")
    return resize(images, height // scale, width // scale, kernel, antialias=antialias)


def upscale(images: Images, scale: int, kernel: Kernel = "bicubic") -> Resized:
    """Upscale by an integer scale; see `resize`."""
    return resize(images, images.shape[-2] * scale, images.shape[-1] * scale, kernel, antialias=False)


def matlab_bicubic(images: Images, height: int, width: int, *, uint8: bool) -> Resized:
    """Resample as MATLAB's `imresize(…, 'bicubic')` does.

    y_i = Σ_j w_ij x_j with w_ij ∝ κ(s (u_i − j)), u_i = (i + ½) / s − ½, where s is the scale if below 1 and 1 otherwise, κ is
    Keys' cubic kernel with a = −½, the weights of every y_i sum to 1, and the image is continued by reflection with its edge
    repeated. The axis with the smaller scale goes first, of two equal ones the rows' (vertical).

    Args:
        images: float; in [0, 1] if `uint8`.
        height, width: of the result.
        uint8: as for uint8 images, on the levels 0 to 255: the images are clipped and rounded to 8 bits, and so is the result of
            the first axis and that of the second, halves upwards. Otherwise nothing is clipped or rounded.

    Source: Keys 1981, eq. 15; the documentation of `imresize`.
    """
    order = sorted([(height / images.shape[-2], -2, height), (width / images.shape[-1], -1, width)])
    if not uint8:
        for _, axis, length in order:
            images = _along(images, axis, length)
        return images
    levels = _round_half_up(255 * images.double())
    for _, axis, length in order:
        levels = _round_half_up(_along(levels, axis, length))
    return (levels / 255).to(images.dtype)


def _round_half_up(levels: Tensor) -> Tensor:
    return (levels + 0.5).floor_().clamp_(0, 255)


def _along(images: Tensor, axis: int, length: int) -> Tensor:
    indices, weights = _taps(images.shape[axis], length)
    shape = [1] * images.ndim
    shape[axis] = length
    total = torch.zeros(1, dtype=images.dtype, device=images.device)
    for index, weight in zip(indices.T, weights.T, strict=True):
        total = total + images.index_select(axis, index.to(images.device)) * weight.to(images).view(shape)
    return total


@lru_cache(maxsize=32)
@torch.inference_mode(False)  # what is cached during an evaluation serves training too
def _taps(length: int, new: int) -> tuple[Tensor, Tensor]:
    """Indices of the input pixels that each output pixel is a weighted sum of, and the weights, `(new, taps)`.

    The arithmetic is in MATLAB's order and counts from 1, so that sums that are halves round as there.
    """
    scale = new / length
    narrow = min(scale, 1.0)
    taps = int(4 / narrow + 0.999999) + 2
    centre = torch.arange(1, new + 1, dtype=torch.float64) / scale + 0.5 * (1 - 1 / scale)
    indices = (centre - 2 / narrow).floor().long()[:, None] + torch.arange(taps)
    weights = keys_cubic((centre[:, None] - indices) * narrow)
    weights = weights / weights.sum(1, keepdim=True)
    used = (weights != 0).any(0)
    mirrored = (indices[:, used] - 1) % (2 * length)
    return torch.where(mirrored < length, mirrored, 2 * length - 1 - mirrored), weights[:, used]


def keys_cubic(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """κ(x) with a = −½: 1.5|x|³ − 2.5|x|² + 1 for |x| ≤ 1, −0.5|x|³ + 2.5|x|² − 4|x| + 2 for |x| ≤ 2, else 0 (Keys 1981, eq. 15)."""
    x = x.abs()
    inner = 1.5 * x**3 - 2.5 * x**2 + 1
    outer = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, inner, torch.where(x <= 2, outer, torch.zeros_like(x)))


@dataclass(frozen=True)
class DownscaledPair:
    """A degradation for super-resolution: `Example(downscaled image, image)`.

    The image is cropped at the right and at the bottom to multiples of the scale.

    Args:
        scale: side of the image over side of its downscaled copy.
        kernel, antialias: see `resize`.
        quantised: clip the downscaled copy to [0, 1] and round it to 8 bits, as in an image file; "matlab" always does.

    Example:
        >>> example = DownscaledPair(2)(torch.rand(3, 41, 60), torch.Generator())
        >>> example.input.shape, example.target.shape
        (torch.Size([3, 20, 30]), torch.Size([3, 40, 60]))
        >>> print(DownscaledPair(2))
        downscaled by 2 with MATLAB's bicubic (antialiased), clipped and rounded to 8 bits after each axis
    """

    scale: int = 2
    kernel: Kernel = "matlab"
    antialias: bool = True
    quantised: bool = True

    def __call__(self, clean: Float[Tensor, "channel height width"], generator: torch.Generator) -> Example:
        """Downscale an image in [0, 1]; nothing is drawn from the generator.

        Raises:
            DarkroomError: the image is smaller than the scale.
        """
        height, width = (length // self.scale * self.scale for length in clean.shape[1:])
        if not height or not width:
            raise DarkroomError(
                f"an image of {clean.shape[2]}x{clean.shape[1]} pixels is too small to be downscaled by {self.scale}"
            )
        target = clean[:, :height, :width]
        low = downscale(target[None], self.scale, self.kernel, antialias=self.antialias)[0]
        return Example(round_to_8_bits(low) if self.quantised else low, target)

    def __str__(self) -> str:
        matlab = self.kernel in ("matlab", "matlab_float")
        antialiased = matlab or (self.antialias and self.kernel != "nearest")
        kernel = {"matlab": "MATLAB's bicubic", "matlab_float": "MATLAB's bicubic on floats"}.get(self.kernel, self.kernel)
        quantisation = "clipped and rounded to 8 bits" if self.quantised else "neither clipped nor rounded"
        if self.kernel == "matlab":
            quantisation = "clipped and rounded to 8 bits after each axis"
        return (
            f"downscaled by {self.scale} with {kernel} ({'antialiased' if antialiased else 'not antialiased'}), {quantisation}"
        )


@dataclass(frozen=True)
class Upscaling:
    """Upscaling of batches by interpolation, a baseline for super-resolution.

    Args:
        scale: how many times the sides grow.
        kernel: see `resize`.
    """

    scale: int
    kernel: Kernel

    def __call__(self, batch: Example) -> Resized:
        """The upscaled inputs."""
        return upscale(batch.input, self.scale, self.kernel)


def upscalings(scale: int, bicubic: Kernel = "matlab") -> dict[str, Upscaling]:
    """Bilinear and bicubic upscaling as baselines, by the name that tables give them.

    Args:
        scale: how many times the sides grow.
        bicubic: the kernel of "bicubic": "matlab" as in the published tables, for 8-bit inputs, or "matlab_float" for others.

    Example:
        >>> list(upscalings(2))
        ['bilinear', 'bicubic']
    """
    return {"bilinear": Upscaling(scale, "bilinear"), "bicubic": Upscaling(scale, bicubic)}
