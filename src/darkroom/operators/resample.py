"""Reduction and enlargement: I_l = (I * k)↓s, and the way back without learning."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.core.images import round_to_8_bits
from darkroom.core.method import Example

Kernel = Literal["nearest", "bilinear", "bicubic", "matlab"]
"""`matlab` is the antialiased bicubic of MATLAB's `imresize`, which the super-resolution tables rest on."""

Images = Float[Tensor, "batch channel height width"]
Resized = Float[Tensor, "batch channel new_height new_width"]


def resize(images: Images, height: int, width: int, kernel: Kernel = "bicubic", *, antialias: bool = True) -> Resized:
    """Resample to `height` × `width`.

    Args:
        images: in any range; bicubic kernels may leave it.
        height, width: of the answer.
        kernel: "nearest" takes the pixel at floor(i · scale); "bilinear" and "bicubic" are torch's; for
            "matlab" see `matlab_bicubic`.
        antialias: widen the kernel by the factor of a reduction, so that nothing is folded in from above the
            new Nyquist frequency; this is what torchvision's `Resize` does. Idle for "nearest"; "matlab"
            always does.
    """
    if kernel == "matlab":
        return matlab_bicubic(images, height, width)
    if kernel == "nearest":
        return nn.functional.interpolate(images, (height, width), mode="nearest")
    return nn.functional.interpolate(images, (height, width), mode=kernel, align_corners=False, antialias=antialias)


def reduce(images: Images, factor: int, kernel: Kernel = "bicubic", *, antialias: bool = True) -> Resized:
    """Reduce by a whole factor.

    Raises:
        DarkroomError: the factor does not divide height and width.
    """
    height, width = images.shape[-2:]
    if height % factor or width % factor:
        raise DarkroomError(f"an image of {width}x{height} cannot be reduced {factor} times: {factor} must divide its sides")
    return resize(images, height // factor, width // factor, kernel, antialias=antialias)


def enlarge(images: Images, factor: int, kernel: Kernel = "bicubic") -> Resized:
    """Enlarge by a whole factor."""
    return resize(images, images.shape[-2] * factor, images.shape[-1] * factor, kernel, antialias=False)


def matlab_bicubic(images: Images, height: int, width: int) -> Resized:
    """Resample as MATLAB's `imresize(…, 'bicubic')` does.

    y_i = Σ_j w_ij x_j with w_ij ∝ κ(s (u_i − j)), u_i = (i + ½) / s − ½, where s is the scale where it reduces and 1
    elsewhere, κ is Keys' cubic kernel with a = −½, the weights of every y_i add up to 1, and the image is continued
    by reflection with its edge repeated. The axis that shrinks most goes first.

    Source: Keys 1981, eq. 15; the documentation of `imresize`.
    """
    order = sorted(((height / images.shape[-2], -2, height), (width / images.shape[-1], -1, width)))
    for _, axis, length in order:
        images = _along(images, axis, length)
    return images


def _along(images: Tensor, axis: int, length: int) -> Tensor:
    indices, weights = _taps(images.shape[axis], length)
    shape = [1] * images.ndim
    shape[axis] = length
    answer = torch.zeros(1, dtype=images.dtype, device=images.device)
    for index, weight in zip(indices.T, weights.T, strict=True):
        answer = answer + images.index_select(axis, index.to(images.device)) * weight.to(images).view(shape)
    return answer


def _taps(length: int, new: int) -> tuple[Tensor, Tensor]:
    """Which pixels each new pixel is made of, and their weights, `(new, taps)`."""
    scale = new / length
    narrow = min(scale, 1.0)
    taps = int(4 / narrow + 0.999999) + 2
    centre = (torch.arange(new, dtype=torch.float64) + 0.5) / scale - 0.5
    indices = (centre - 2 / narrow).floor().long()[:, None] + torch.arange(taps)
    weights = keys_cubic((centre[:, None] - indices) * narrow)
    weights = weights / weights.sum(1, keepdim=True)
    mirrored = indices % (2 * length)
    return torch.where(mirrored < length, mirrored, 2 * length - 1 - mirrored), weights


def keys_cubic(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """κ(x) with a = −½: 1.5|x|³ − 2.5|x|² + 1 up to 1, −0.5|x|³ + 2.5|x|² − 4|x| + 2 up to 2, then 0 (Keys 1981, eq. 15)."""
    x = x.abs()
    inner = (1.5 * x - 2.5) * x * x + 1
    outer = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x <= 1, inner, torch.where(x <= 2, outer, torch.zeros_like(x)))


@dataclass(frozen=True)
class ReducedPair:
    """An image and its reduced copy: what super-resolution is trained and evaluated on.

    The image's sides are cropped to multiples of the factor, right and below.

    Args:
        factor: how many times smaller the reduced copy is.
        kernel: how it is made.
        antialias: see `resize`.
        quantised: clip the reduced copy and round it to 8 bits, as a file would hold it.
    """

    factor: int = 2
    kernel: Kernel = "matlab"
    antialias: bool = True
    quantised: bool = True

    def __call__(self, clean: Float[Tensor, "channel height width"], generator: torch.Generator) -> Example:
        """The pair (reduced, image); nothing is drawn.

        Raises:
            DarkroomError: the image is smaller than the factor.
        """
        height, width = (length // self.factor * self.factor for length in clean.shape[1:])
        if not height or not width:
            raise DarkroomError(
                f"an image of {clean.shape[2]}x{clean.shape[1]} pixels is too small to be reduced {self.factor} times"
            )
        target = clean[:, :height, :width]
        low = reduce(target[None], self.factor, self.kernel, antialias=self.antialias)[0]
        return Example(round_to_8_bits(low) if self.quantised else low, target)


@dataclass(frozen=True)
class Enlargement:
    """Enlargement without learning, as it answers batches: where every table starts."""

    factor: int
    kernel: Kernel

    def __call__(self, batch: Example) -> Resized:
        return enlarge(batch.input, self.factor, self.kernel)


def enlargements(factor: int) -> dict[str, Enlargement]:
    """Bilinear and bicubic enlargement, by the name that tables give them.

    Bicubic is MATLAB's, as in the published tables; reduced images of any kernel are enlarged by it.
    """
    return {"bilinear": Enlargement(factor, "bilinear"), "bicubic": Enlargement(factor, "matlab")}
