"""Loss functions: scalars whose `backward` starts the backward pass."""

from torch import Tensor

from darkroom.scratch.module import FrameworkError, Module, check_gradient


class MSE(Module):
    """Mean squared error, mean (prediction − target)².

    Example:
        >>> from torch import tensor
        >>> loss = MSE()
        >>> float(loss(tensor([1.0, 2.0]), tensor([1.0, 4.0])))
        2.0
        >>> loss.backward()
        tensor([ 0., -2.])
    """

    def __init__(self) -> None:
        self.difference: Tensor | None = None

    def forward(self, *inputs: Tensor) -> Tensor:
        self.difference = _difference(self, *inputs)
        return self.difference.square().mean()

    def backward(self, *gradients: Tensor) -> Tensor:
        """∂ℓ/∂prediction, given ∂ℓ/∂output; the latter is 1 by default."""
        factor = _output_gradient(self, gradients, self.difference)
        assert self.difference is not None
        return factor * 2 / self.difference.numel() * self.difference


class L1(Module):
    """Mean absolute error, mean |prediction − target|; the derivative at 0 is 0."""

    def __init__(self) -> None:
        self.difference: Tensor | None = None

    def forward(self, *inputs: Tensor) -> Tensor:
        self.difference = _difference(self, *inputs)
        return self.difference.abs().mean()

    def backward(self, *gradients: Tensor) -> Tensor:
        """∂ℓ/∂prediction, given ∂ℓ/∂output; the latter is 1 by default."""
        factor = _output_gradient(self, gradients, self.difference)
        assert self.difference is not None
        return factor / self.difference.numel() * self.difference.sign()


def _difference(module: Module, prediction: Tensor, target: Tensor) -> Tensor:
    name = type(module).__name__
    if prediction.shape != target.shape:
        raise FrameworkError(
            f"{name} takes two tensors of the same shape, given {tuple(prediction.shape)} and {tuple(target.shape)}"
        )
    if not prediction.numel():
        raise FrameworkError(f"{name} takes tensors with at least one element, given {tuple(prediction.shape)}")
    return prediction - target


def _output_gradient(module: Module, gradients: tuple[Tensor, ...], difference: Tensor | None) -> Tensor | float:
    if gradients:
        return check_gradient(module, gradients[0], () if difference is not None else None)
    if difference is None:
        name = type(module).__name__
        raise FrameworkError(f"{name}.backward was called before {name}.forward")
    return 1.0
