"""Masks and means over blocks: operators whose pseudo-inverse is their adjoint, but for a factor."""

from abc import abstractmethod

from jaxtyping import Bool, Float
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.operators.linear import LinearMap, LinearOperator


class PartialIsometry(LinearOperator):
    """H with H Hᵀ H = c H: HᵀH / c is a projection, H⁺ = Hᵀ / c, and (HᵀH + α)⁻¹ has a closed form."""

    @property
    @abstractmethod
    def gain(self) -> float:
        """c."""

    def pseudo_inverse(self, y: Tensor) -> Tensor:
        """H⁺ y, the smallest x with H x = y."""
        return self.adjoint(y) / self.gain

    @property
    def lipschitz(self) -> float:  # type: ignore[override]
        """‖HᵀH‖ = c."""
        return self.gain

    def normal_inverse(self, alpha: float) -> LinearMap:
        """(HᵀH + α)⁻¹ b = (b − HᵀH b / (c + α)) / α."""
        return lambda b: (b - self.adjoint(self(b)) / (self.gain + alpha)) / alpha


class Masking(PartialIsometry):
    """y = m ⊙ x: pixels that are not known are 0.

    Args:
        known: m, true where a pixel is measured.

    Example:
        >>> import torch
        >>> mask = Masking(torch.tensor([[True, False]]))
        >>> mask(torch.full((1, 1, 1, 2), 5.0)).tolist(), mask.normal_inverse(1.0)(torch.full((1, 2), 2.0)).tolist()
        ([[[[5.0, 0.0]]]], [[1.0, 2.0]])
    """

    def __init__(self, known: Bool[Tensor, "height width"]) -> None:
        self.known = known

    @property
    def gain(self) -> float:
        return 1.0

    @property
    def input_shape(self) -> tuple[int, int]:
        return int(self.known.shape[0]), int(self.known.shape[1])

    @property
    def output_shape(self) -> tuple[int, int]:
        return self.input_shape

    def __call__(self, x: Float[Tensor, "*batch height width"]) -> Float[Tensor, "*batch height width"]:
        return x * self.known.to(x)

    def adjoint(self, y: Float[Tensor, "*batch height width"]) -> Float[Tensor, "*batch height width"]:
        return y * self.known.to(y)


class BlockMeans(PartialIsometry):
    """Downscaling by means over blocks of s × s pixels; H Hᵀ = 1/s².

    Args:
        scale: s.
        height, width: of x; multiples of s.

    Raises:
        DarkroomError: s does not divide them.

    Example:
        >>> import torch
        >>> means = BlockMeans(2, 2, 4)
        >>> x = torch.tensor([[[[1.0, 3.0, 0.0, 8.0], [5.0, 7.0, 0.0, 0.0]]]])
        >>> means(x).tolist(), means.pseudo_inverse(means(x))[0, 0, 0].tolist()
        ([[[[4.0, 2.0]]]], [4.0, 4.0, 2.0, 2.0])
    """

    def __init__(self, scale: int, height: int, width: int) -> None:
        if scale < 1 or height % scale or width % scale:
            raise DarkroomError(f"an image of {width}x{height} cannot be divided into blocks of {scale}x{scale} pixels")
        self.scale, self.height, self.width = scale, height, width

    @property
    def gain(self) -> float:
        return 1 / self.scale**2

    @property
    def input_shape(self) -> tuple[int, int]:
        return self.height, self.width

    @property
    def output_shape(self) -> tuple[int, int]:
        return self.height // self.scale, self.width // self.scale

    def __call__(self, x: Float[Tensor, "*batch height width"]) -> Float[Tensor, "*batch rows columns"]:
        return x.unflatten(-2, (-1, self.scale)).unflatten(-1, (-1, self.scale)).mean((-3, -1))

    def adjoint(self, y: Float[Tensor, "*batch rows columns"]) -> Float[Tensor, "*batch height width"]:
        return y.repeat_interleave(self.scale, -1).repeat_interleave(self.scale, -2) * self.gain
