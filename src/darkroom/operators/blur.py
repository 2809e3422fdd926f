"""Uniform blur: y = k ⊗ x + σ n with a known kernel k, its adjoint, and the conditions at the image's boundary."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.images import round_to_8_bits
from darkroom.core.method import Example
from darkroom.operators.linear import LinearMap, LinearOperator, power_method
from darkroom.operators.noise import Gaussian

Boundary = Literal["valid", "circular", "reflect", "tapered"]

Kernel = Float[Tensor, "kernel_height kernel_width"]
Images = Float[Tensor, "*batch height width"]
Blurred = Float[Tensor, "*batch blurred_height blurred_width"]


def normalised(kernel: Tensor) -> Kernel:
    """Check a blur kernel and divide it by its sum.

    Raises:
        DarkroomError: it is not two-dimensional with odd sides and finite, non-negative values that are not all zero.

    Example:
        >>> normalised(torch.tensor([[1.0, 2.0, 1.0]])).tolist()
        [[0.25, 0.5, 0.25]]
    """
    if kernel.ndim != 2 or not kernel.numel():
        raise DarkroomError(f"a blur kernel is a two-dimensional array (height, width), given a shape of {tuple(kernel.shape)}")
    height, width = kernel.shape
    if not height % 2 or not width % 2:
        raise DarkroomError(
            f"a blur kernel has odd sides, so that it has a centre pixel, given {width}x{height}: pad it with a row or column of zeros"
        )
    if not kernel.isfinite().all():
        raise DarkroomError("the values of a blur kernel must be finite, given NaN or infinity")
    if kernel.min() < 0:
        raise DarkroomError(f"the values of a blur kernel must not be negative, given {float(kernel.min()):.3g}")
    if not kernel.sum() > 0:
        raise DarkroomError("the values of a blur kernel must not all be zero")
    return kernel / kernel.sum()


@dataclass(frozen=True)
class Blur(LinearOperator):
    """H: convolution with a kernel, (Hx)(i) = Σ_j k(j) x(i − j), for images of one size.

    The boundary condition says what lies outside the image:

    - "valid": nothing is assumed; only pixels are computed for which the whole kernel lies inside the image, so that the
      output is smaller by the kernel's size minus 1. This is how cameras blur;
    - "circular": periodic continuation; H is diagonalised by the Fourier transform;
    - "reflect": reflection about the centres of the outermost pixels;
    - "tapered": the image is first blended into its circularly blurred copy along the boundary, H = C (A + (1 − A) C), with C
      the circular blur and A the weights `taper`, so that opposite edges match (MATLAB's `edgetaper`).

    Args:
        kernel: k, with odd sides; it is divided by its sum.
        height, width: of x.
        boundary: see above.

    Raises:
        DarkroomError: the kernel is invalid (see `normalised`), or larger than the image.

    Example:
        >>> blur = Blur(torch.ones(3, 5), height=20, width=30)
        >>> x = torch.rand(3, 20, 30)
        >>> blur(x).shape, blur.adjoint(blur(x)).shape
        (torch.Size([3, 18, 26]), torch.Size([3, 20, 30]))
    """

    kernel: Kernel
    height: int
    width: int
    boundary: Boundary = "valid"

    def __post_init__(self) -> None:
        object.__setattr__(self, "kernel", normalised(self.kernel))
        rows, columns = self.kernel.shape
        if rows > self.height or columns > self.width:
            raise DarkroomError(f"a kernel of {columns}x{rows} is larger than the image of {self.width}x{self.height}")

    @property
    def input_shape(self) -> tuple[int, int]:
        """Height and width of x."""
        return self.height, self.width

    @property
    def output_shape(self) -> tuple[int, int]:
        """Height and width of Hx."""
        if self.boundary != "valid":
            return self.height, self.width
        return self.height - 2 * self.margins[0], self.width - 2 * self.margins[1]

    @property
    def margins(self) -> tuple[int, int]:
        """Half the kernel's size, rounded down: rows above and below, columns left and right."""
        return self.kernel.shape[0] // 2, self.kernel.shape[1] // 2

    @property
    def padded_shape(self) -> tuple[int, int]:
        """Size on which the convolution is circular: the image's, or the reflected image's."""
        if self.boundary != "reflect":
            return self.height, self.width
        return self.height + 2 * self.margins[0], self.width + 2 * self.margins[1]

    def __call__(self, x: Images) -> Blurred:
        """H x.

        Raises:
            DarkroomError: x is not of the operator's `input_shape`.
        """
        self._check(x, self.input_shape, "this blur")
        if self.boundary == "reflect":
            rows, columns = self._reflection
            x = x[..., rows.to(x.device), :][..., columns.to(x.device)]
        if self.boundary == "tapered":
            weights = self.taper.to(x)
            x = weights * x + (1 - weights) * self._convolve(x)
        return self._crop(self._convolve(x))

    def adjoint(self, y: Blurred) -> Images:
        """Hᵀ y, for which ⟨H x, y⟩ = ⟨x, Hᵀ y⟩.

        Raises:
            DarkroomError: y is not of the operator's `output_shape`.
        """
        self._check(y, self.output_shape, "the adjoint of this blur")
        if self.boundary in ("valid", "reflect"):
            (down, right), (height, width) = self.margins, self.padded_shape
            padded = y.new_zeros((*y.shape[:-2], height, width))
            padded[..., down : height - down, right : width - right] = y
            y = padded
        x = self._convolve(y, adjoint=True)
        if self.boundary == "reflect":
            rows, columns = self._reflection
            narrow = x.new_zeros((*x.shape[:-1], self.width)).index_add_(-1, columns.to(x.device), x)
            x = x.new_zeros((*x.shape[:-2], self.height, self.width)).index_add_(-2, rows.to(x.device), narrow)
        if self.boundary == "tapered":
            weights = self.taper.to(x)
            x = weights * x + self._convolve((1 - weights) * x, adjoint=True)
        return x

    @cached_property
    def lipschitz(self) -> float:
        """‖HᵀH‖, the Lipschitz constant of the gradient of ½‖Hx − y‖².

        Exact where H is circular (max |k̂|²; 1, as k is not negative and sums to 1). Otherwise 40 steps of the power method from
        a constant image, to which a blur's leading eigenvector is close.
        """
        if self.boundary == "circular":
            return float(self.spectrum(torch.float64).abs().square().max())
        return power_method(self, torch.ones(self.height, self.width, dtype=torch.float64), steps=40)

    def normal_inverse(self, alpha: float) -> LinearMap | None:
        """(HᵀH + α)⁻¹ where H is circular: division by |k̂|² + α in the Fourier domain. None for other boundaries."""
        return self._circular_normal_inverse(alpha) if self.boundary == "circular" else None

    def preconditioner(self, alpha: float) -> LinearMap:
        """(CᵀC + α)⁻¹ with C the circular blur, which differs from H along the boundary only."""
        return self._circular_normal_inverse(alpha)

    def _circular_normal_inverse(self, alpha: float) -> LinearMap:
        powers: dict[tuple[torch.dtype, torch.device], Tensor] = {}

        def divide(b: Tensor) -> Tensor:
            key = (b.dtype, b.device)
            if key not in powers:
                powers[key] = self.circular.spectrum(b.dtype).abs().square().to(b.device) + alpha
            return torch.fft.irfft2(torch.fft.rfft2(b) / powers[key], s=b.shape[-2:])

        return divide

    @cached_property
    def circular(self) -> "Blur":
        """The same kernel with periodic continuation."""
        return replace(self, boundary="circular")

    @cached_property
    def taper(self) -> Float[Tensor, "height width"]:
        """A: 1 inside, falling to 0 at the boundary over the kernel's width.

        A(i, j) = (1 − r(i)) (1 − c(j)), with r and c the normalised autocorrelations of the kernel's sums over columns and over
        rows, placed at the image's edges.

        Source: the documentation of MATLAB's `edgetaper`.
        """
        weights = []
        for axis, length in ((1, self.height), (0, self.width)):
            profile = self.kernel.double().sum(axis)
            period = length - 1  # the first and the last pixel are one point of the circle
            spectrum = torch.fft.rfft(profile, max(period, 1)).abs().square()
            correlation = torch.fft.irfft(spectrum, max(period, 1))
            correlation = torch.cat([correlation, correlation[:1]])[:length]
            weights.append(1 - correlation / correlation.max())
        return (weights[0][:, None] * weights[1]).clamp(0, 1).float()

    def spectrum(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """k̂: `torch.fft.rfft2` of the kernel on `padded_shape`, its centre at the origin; complex."""
        return self._spectra[dtype]

    def _convolve(self, x: Tensor, *, adjoint: bool = False) -> Tensor:
        spectrum = self.spectrum(x.dtype).to(x.device)
        return torch.fft.irfft2(torch.fft.rfft2(x) * (spectrum.conj() if adjoint else spectrum), s=x.shape[-2:])

    @cached_property
    def _spectra(self) -> dict[torch.dtype, Tensor]:
        return {dtype: _spectrum(self.kernel.to(dtype), self.padded_shape) for dtype in (torch.float32, torch.float64)}

    @cached_property
    def _reflection(self) -> tuple[Tensor, Tensor]:
        """Indices of the rows and columns of the image that the padded one consists of."""
        down, right = self.margins
        return _reflected(self.height, down), _reflected(self.width, right)

    def _crop(self, x: Tensor) -> Tensor:
        if self.boundary in ("circular", "tapered"):
            return x
        down, right = self.margins
        return x[..., down : x.shape[-2] - down, right : x.shape[-1] - right]

    def _check(self, x: Tensor, size: tuple[int, int], name: str) -> None:
        if tuple(x.shape[-2:]) != size:
            raise DarkroomError(
                f"{name} takes images of {size[1]}x{size[0]}, given {x.shape[-1]}x{x.shape[-2]} (boundary {self.boundary})"
            )


def _spectrum(kernel: Tensor, size: tuple[int, int]) -> Tensor:
    padded = kernel.new_zeros(size)
    padded[: kernel.shape[0], : kernel.shape[1]] = kernel
    return torch.fft.rfft2(padded.roll((-(kernel.shape[0] // 2), -(kernel.shape[1] // 2)), (0, 1)))


def _reflected(length: int, margin: int) -> Tensor:
    """The indices −margin … length − 1 + margin, reflected about 0 and length − 1."""
    indices = torch.arange(-margin, length + margin).abs()
    period = max(2 * (length - 1), 1)
    indices = indices % period
    return torch.where(indices < length, indices, period - indices)


@dataclass(frozen=True)
class BlurredPair:
    """A degradation for deblurring with a known kernel: `Example(blurred and noisy image, image, (k, σ))`.

    Args:
        kernel: k.
        sigma: standard deviation of the noise on the 0–255 scale.
        boundary: see `Blur`.
        quantised: clip the blurred image to [0, 1] and round it to 8 bits, after adding noise.

    Example:
        >>> degrade = BlurredPair(torch.ones(3, 5), sigma=2.55)
        >>> example = degrade(torch.rand(1, 20, 30), torch.Generator().manual_seed(0))
        >>> example.input.shape
        torch.Size([1, 18, 26])
    """

    kernel: Kernel
    sigma: float
    boundary: Boundary = "valid"
    quantised: bool = False

    def __call__(self, clean: Float[Tensor, "channel height width"], generator: torch.Generator) -> Example:
        """Blur a clean image in [0, 1]; σ in the condition is in the image's units."""
        _, height, width = clean.shape
        blurred = Blur(self.kernel, height, width, self.boundary)(clean)
        noisy = blurred + self.sigma / 255 * torch.randn(blurred.shape, generator=generator)
        noisy = round_to_8_bits(noisy) if self.quantised else noisy
        return Example(noisy, clean, (self.kernel, torch.tensor(self.sigma / 255)))

    def __str__(self) -> str:
        height, width = self.kernel.shape
        values = normalised(self.kernel).float().cpu().contiguous().numpy().tobytes()
        return (
            f"blur with a {width}x{height} kernel (SHA-256 {hashlib.sha256(values).hexdigest()[:8]}), boundary {self.boundary}, "
            f"then {Gaussian(self.sigma, self.quantised)}; kernel and sigma are given"
        )
