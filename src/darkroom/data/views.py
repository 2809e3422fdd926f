"""Random views of an image, for training without labels: crop, flip, colours, blur, solarisation.

Everything random comes from the numbers that a view is given, so a view is a function. The colours of an image are changed by one
affine map: brightness b, contrast c, saturation s and a turn of the hue by θ all keep luma apart from chroma, so they commute, and
with the projection L on luma (each row (0.299, 0.587, 0.114)), and J the quarter turn of chroma in YIQ,

    x ↦ b c (L + s (cos θ (I − L) + sin θ J)) x + b (1 − c) m,   m the mean luma;

grey is s = 0. torchvision's jitter is the same for brightness, contrast and saturation, but it clips after each; its hue is an angle
in HSV, which changes luma.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

_TRIES = 10
DRAWS = 2 * _TRIES + 12
"""How many numbers a view is drawn from."""

_LUMA = torch.tensor([0.299, 0.587, 0.114]).expand(3, 3)
_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]], dtype=torch.float64)
_CHROMA = torch.eye(3) - _LUMA
_QUARTER = (torch.linalg.inv(_YIQ) @ torch.tensor([[0.0, 0, 0], [0, 0, -1], [0, 1, 0]], dtype=torch.float64) @ _YIQ).float()


@dataclass(frozen=True)
class View:
    """How a view is drawn.

    Args:
        smallest: least share of the image's area in the crop; the largest is 1. Its ratio of sides is between 3/4 and 4/3.
        flip: probability of a horizontal flip.
        jitter: probability that colours change.
        brightness, contrast, saturation: factors are drawn from 1 − a to 1 + a.
        hue: turns are drawn from −a to a, as shares of the circle.
        grey: probability that colour is removed.
        blur: probability of a Gaussian blur, its standard deviation from 0.1 to 2 pixels in a view of 224, in proportion in others.
        solarise: probability that what is brighter than one half is inverted.

    Source: Grill et al. 2020, appendix B and table 6.

    Example:
        >>> image = torch.randint(256, (3, 80, 100), dtype=torch.uint8)
        >>> view = View(blur=1.0)(image, 32, torch.rand(DRAWS).tolist())
        >>> view.dtype, view.shape
        (torch.uint8, torch.Size([3, 32, 32]))
    """

    smallest: float = 0.08
    flip: float = 0.5
    jitter: float = 0.8
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.2
    hue: float = 0.1
    grey: float = 0.2
    blur: float = 0.0
    solarise: float = 0.0

    def __call__(
        self, image: UInt8[Tensor, "channel height width"], size: int, draws: Sequence[float]
    ) -> UInt8[Tensor, "3 size size"]:
        """The view of an image.

        Args:
            image: grey or RGB.
            size: side of the view in pixels.
            draws: `DRAWS` numbers from [0, 1), which decide everything.
        """
        crop, gates, factors = draws[: 2 * _TRIES + 2], draws[-10:-5], draws[-5:]
        flip, jitter, grey, blur, solarise = (
            draw < probability
            for draw, probability in zip(gates, (self.flip, self.jitter, self.grey, self.blur, self.solarise), strict=True)
        )
        top, left, height, width = box(image.shape[1], image.shape[2], self.smallest, crop)
        view = resized(image[:, top : top + height, left : left + width], size)
        view = view.flip(-1) if flip else view
        if not (jitter or grey or blur or solarise):
            return view.contiguous()
        x = view.float()
        if jitter or grey:
            x = recoloured(x, *(self._factors(factors) if jitter else (1.0, 1.0, 1.0, 0.0)), grey=grey)
        if blur:
            x = blurred(x, (0.1 + 1.9 * factors[4]) * size / 224)
        if solarise:
            x = 127.5 - (x - 127.5).abs()
        return x.add(0.5).to(torch.uint8)

    def _factors(self, draws: Sequence[float]) -> tuple[float, float, float, float]:
        """Brightness, contrast, saturation, and the turn of the hue as a share of the circle."""
        brightness, contrast, saturation, hue = (2 * draw - 1 for draw in draws[:4])
        return (
            1 + self.brightness * brightness,
            1 + self.contrast * contrast,
            1 + self.saturation * saturation,
            self.hue * hue,
        )


def box(height: int, width: int, smallest: float, draws: Sequence[float]) -> tuple[int, int, int, int]:
    """Top, left, height and width of a random crop: area uniform, ratio of sides log-uniform from 3/4 to 4/3.

    Of ten tries the first that fits is taken; if none does, the largest square in the middle.

    Example:
        >>> box(40, 60, 1.0, [0.5] * 22)
        (0, 10, 40, 40)
    """
    for area, ratio in zip(draws[:_TRIES], draws[_TRIES : 2 * _TRIES], strict=True):
        pixels = height * width * (smallest + (1 - smallest) * area)
        sides = math.exp((2 * ratio - 1) * math.log(4 / 3))
        w, h = round(math.sqrt(pixels * sides)), round(math.sqrt(pixels / sides))
        if 0 < w <= width and 0 < h <= height:
            return int(draws[-2] * (height - h + 1)), int(draws[-1] * (width - w + 1)), h, w
    side = min(height, width)
    return (height - side) // 2, (width - side) // 2, side, side


def resized(image: UInt8[Tensor, "channel height width"], size: int) -> UInt8[Tensor, "3 size size"]:
    """An image as RGB of `size` × `size`: bicubic, antialiased, in 8 bits."""
    if tuple(image.shape[1:]) != (size, size):
        image = torch.nn.functional.interpolate(image[None], (size, size), mode="bicubic", antialias=True)[0]
    return image.expand(3, -1, -1)


def recoloured(
    x: Float[Tensor, "3 height width"], brightness: float, contrast: float, saturation: float, hue: float, *, grey: bool = False
) -> Float[Tensor, "3 height width"]:
    """An image in 0–255 with changed colours, clipped.

    Args:
        x: the image.
        brightness, contrast, saturation: factors; 1 changes nothing.
        hue: a turn, as a share of the circle.
        grey: remove colour.
    """
    pixels, matrix = x.reshape(3, -1), _LUMA
    if not grey:
        angle = 2 * math.pi * hue
        matrix = _LUMA + saturation * (math.cos(angle) * _CHROMA + math.sin(angle) * _QUARTER)
    mean = torch.dot(pixels.mean(1), _LUMA[0])
    offset = (brightness * (1 - contrast) * mean).expand(3, 1)
    return torch.addmm(offset, brightness * contrast * matrix, pixels).clamp_(0, 255).view_as(x)


def blurred(x: Float[Tensor, "3 size size"], sigma: float) -> Float[Tensor, "3 size size"]:
    """A square image after a Gaussian blur: weights over the pixels of a row or column, in proportion to the Gaussian, sum to 1."""
    size = x.shape[1]
    # e⁻⁶⁰ adds nothing; smaller weights would be denormal, with which some processors multiply ten times slower.
    weights = torch.softmax((_squared_distances(size) * (-0.5 / sigma**2)).clamp_(min=-60), 1)
    rows = (x.reshape(-1, size) @ weights.T).view(3, size, size)
    return (weights @ rows.transpose(0, 1).reshape(size, -1)).view(size, 3, size).transpose(0, 1)


@lru_cache(maxsize=4)
def _squared_distances(size: int) -> Float[Tensor, "size size"]:
    places = torch.arange(size, dtype=torch.float32)
    return (places[:, None] - places).square()
