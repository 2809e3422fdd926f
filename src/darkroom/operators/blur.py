"""Uniform blur: y = k ⊗ x + σ n with a known kernel, its adjoint, and what happens at the image's border."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.images import round_to_8_bits
from darkroom.core.method import Example

Boundary = Literal["valid", "circular", "reflect", "tapered"]

Kernel = Float[Tensor, "kernel_height kernel_width"]
Images = Float[Tensor, "*batch height width"]
Blurred = Float[Tensor, "*batch blurred_height blurred_width"]


def normalised(kernel: Tensor) -> Kernel:
    """A kernel fit to blur with: two-dimensional, odd sides, no number below zero, divided by its sum.

    Raises:
        DarkroomError: it is not, and what about it.
    """
    if kernel.ndim != 2 or not kernel.numel():
        raise DarkroomError(f"a blur kernel is a table of numbers (height, width), given a shape of {tuple(kernel.shape)}")
    height, width = kernel.shape
    if not height % 2 or not width % 2:
        raise DarkroomError(f"a kernel of {width}x{height} has no middle: add a row or a column of zeros, so that both are odd")
    if not kernel.isfinite().all():
        raise DarkroomError("a blur kernel has only finite numbers")
    if kernel.min() < 0:
        raise DarkroomError(f"a blur kernel has no number below zero, this one goes down to {float(kernel.min()):.3g}")
    if not kernel.sum() > 0:
        raise DarkroomError("a blur kernel that is zero everywhere leaves no image")
    return kernel / kernel.sum()


@dataclass(frozen=True)
class Blur:
    """H: convolution with a kernel, (Hx)(i) = Σ_j k(j) x(i − j), for images of one size.

    The border decides what lies outside the image:

    - "valid": nothing is assumed, and the answer is smaller by the kernel's size less one; how cameras blur;
    - "circular": the image repeats itself; H is then diagonal under the Fourier transform;
    - "reflect": the image is mirrored about the middle of its outermost pixels;
    - "tapered": the image's border is blended into its circularly blurred copy first, H = C (A + (1 − A) C) with C the
      circular blur and A the weights of `taper`, so that its opposite ends meet without a step.

    Args:
        kernel: k, odd sides; divided by its sum.
        height, width: of x.
        boundary: see above.

    Raises:
        DarkroomError: the kernel is no blur kernel, or larger than the image.
    """

    kernel: Kernel
    height: int
    width: int
    boundary: Boundary = "valid"

    def __post_init__(self) -> None:
        object.__setattr__(self, "kernel", normalised(self.kernel))
        down, right = self.kernel.shape
        if down > self.height or right > self.width:
            raise DarkroomError(f"a kernel of {right}x{down} is larger than the image of {self.width}x{self.height}")

    @property
    def margins(self) -> tuple[int, int]:
        """Half the kernel: (above and below, left and right)."""
        return self.kernel.shape[0] // 2, self.kernel.shape[1] // 2

    @property
    def padded(self) -> tuple[int, int]:
        """Size on which convolution is circular: the image's, or the mirrored one's."""
        if self.boundary != "reflect":
            return self.height, self.width
        return self.height + 2 * self.margins[0], self.width + 2 * self.margins[1]

    def __call__(self, x: Images) -> Blurred:
        """H x.

        Raises:
            DarkroomError: x has another size than the operator was made for.
        """
        self._fitting(x, (self.height, self.width), "H")
        if self.boundary == "reflect":
            rows, columns = self._mirrored
            x = x[..., rows.to(x.device), :][..., columns.to(x.device)]
        if self.boundary == "tapered":
            weights = self.taper.to(x)
            x = weights * x + (1 - weights) * self._convolved(x)
        return self._inner(self._convolved(x))

    def adjoint(self, y: Blurred) -> Images:
        """Hᵀ y, for which ⟨H x, y⟩ = ⟨x, Hᵀ y⟩.

        Raises:
            DarkroomError: y has another size than H's answers.
        """
        self._fitting(y, self.answered, "its adjoint")
        if self.boundary in ("valid", "reflect"):
            (down, right), (height, width) = self.margins, self.padded
            whole = y.new_zeros((*y.shape[:-2], height, width))
            whole[..., down : height - down, right : width - right] = y
            y = whole
        x = self._convolved(y, adjoint=True)
        if self.boundary == "reflect":
            rows, columns = self._mirrored
            narrow = x.new_zeros((*x.shape[:-1], self.width)).index_add_(-1, columns.to(x.device), x)
            x = x.new_zeros((*x.shape[:-2], self.height, self.width)).index_add_(-2, rows.to(x.device), narrow)
        if self.boundary == "tapered":
            weights = self.taper.to(x)
            x = weights * x + self._convolved((1 - weights) * x, adjoint=True)
        return x

    @property
    def answered(self) -> tuple[int, int]:
        """Height and width of H's answers."""
        if self.boundary != "valid":
            return self.height, self.width
        return self.height - 2 * self.margins[0], self.width - 2 * self.margins[1]

    @cached_property
    def lipschitz(self) -> float:
        """‖HᵀH‖, the Lipschitz constant of the gradient of ½‖Hx − y‖².

        Exact where H is circular (the largest |k̂|², 1 for a blur kernel); elsewhere by forty steps of the power method
        from a constant image, on which a blur is strongest.
        """
        if self.boundary == "circular":
            return float(self.spectrum(torch.float64).abs().square().max())
        x = torch.ones(self.height, self.width, dtype=torch.float64)
        norm = torch.ones((), dtype=torch.float64)
        for _ in range(40):
            x = self.adjoint(self(x / x.norm()))
            norm = x.norm()
        return float(norm)

    @cached_property
    def circular(self) -> "Blur":
        """The same kernel on an image whose ends meet."""
        return replace(self, boundary="circular")

    @cached_property
    def taper(self) -> Float[Tensor, "height width"]:
        """A: 1 inside, falling to 0 at the border over the kernel's width.

        A(i, j) = (1 − r(i)) (1 − c(j)), r and c being the normalised autocorrelations of the kernel's sums over columns and
        over rows, placed at the image's ends (the documentation of MATLAB's `edgetaper`).
        """
        weights = []
        for axis, length in ((1, self.height), (0, self.width)):
            profile = self.kernel.double().sum(axis)
            period = length - 1  # both ends of the image are the same place
            spectrum = torch.fft.rfft(profile, max(period, 1)).abs().square()
            correlation = torch.fft.irfft(spectrum, max(period, 1))
            correlation = torch.cat([correlation, correlation[:1]])[:length]
            weights.append(1 - correlation / correlation.max())
        return (weights[0][:, None] * weights[1]).clamp(0, 1).float()

    def spectrum(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """k̂: the kernel's Fourier transform on the padded size, its middle at the origin; complex, half of the columns."""
        return self._spectra[dtype]

    def _convolved(self, x: Tensor, *, adjoint: bool = False) -> Tensor:
        spectrum = self.spectrum(x.dtype).to(x.device)
        return torch.fft.irfft2(torch.fft.rfft2(x) * (spectrum.conj() if adjoint else spectrum), s=x.shape[-2:])

    @cached_property
    def _spectra(self) -> dict[torch.dtype, Tensor]:
        return {dtype: _spectrum(self.kernel.to(dtype), self.padded) for dtype in (torch.float32, torch.float64)}

    @cached_property
    def _mirrored(self) -> tuple[Tensor, Tensor]:
        """Which rows and columns of the image the padded one is made of."""
        down, right = self.margins
        return _reflected(self.height, down), _reflected(self.width, right)

    def _inner(self, x: Tensor) -> Tensor:
        if self.boundary in ("circular", "tapered"):
            return x
        down, right = self.margins
        return x[..., down : x.shape[-2] - down, right : x.shape[-1] - right]

    def _fitting(self, x: Tensor, size: tuple[int, int], who: str) -> None:
        if tuple(x.shape[-2:]) != size:
            raise DarkroomError(
                f"{who} takes images of {size[1]}x{size[0]}, given {x.shape[-1]}x{x.shape[-2]} (boundary {self.boundary})"
            )


def _spectrum(kernel: Tensor, size: tuple[int, int]) -> Tensor:
    whole = kernel.new_zeros(size)
    whole[: kernel.shape[0], : kernel.shape[1]] = kernel
    return torch.fft.rfft2(whole.roll((-(kernel.shape[0] // 2), -(kernel.shape[1] // 2)), (0, 1)))


def _reflected(length: int, margin: int) -> Tensor:
    """0 … length − 1 with `margin` more on both sides, mirrored about the outermost."""
    places = torch.arange(-margin, length + margin).abs()
    period = max(2 * (length - 1), 1)
    places = places % period
    return torch.where(places < length, places, period - places)


@dataclass(frozen=True)
class BlurredPair:
    """An image and its blurred, noisy copy: what deblurring is evaluated on; the kernel and σ are given.

    Args:
        kernel: k.
        sigma: deviation of the noise on the 0–255 scale.
        boundary: see `Blur`.
        quantised: clip the blurred image and round it to 8 bits, after the noise.
    """

    kernel: Kernel
    sigma: float
    boundary: Boundary = "valid"
    quantised: bool = False

    def __call__(self, clean: Float[Tensor, "channel height width"], generator: torch.Generator) -> Example:
        _, height, width = clean.shape
        blurred = Blur(self.kernel, height, width, self.boundary)(clean)
        noisy = blurred + self.sigma / 255 * torch.randn(blurred.shape, generator=generator)
        noisy = round_to_8_bits(noisy) if self.quantised else noisy
        return Example(noisy, clean, (self.kernel, torch.tensor(self.sigma / 255)))

    def __str__(self) -> str:
        height, width = self.kernel.shape
        rounded = ", clipped and rounded to 8 bits" if self.quantised else ""
        return f"blur with a kernel of {width}x{height} (boundary {self.boundary}), Gaussian noise of {self.sigma:g}{rounded}"
