"""How far an answer is from what was wanted: where `backward` begins."""

from torch import Tensor

from darkroom.scratch.module import Misfit, Module, gradient_of


class MSE(Module):
    """mean (prediction − target)²."""

    def __init__(self) -> None:
        self.difference: Tensor | None = None

    def forward(self, *inputs: Tensor) -> Tensor:
        self.difference = _difference(self, *inputs)
        return self.difference.square().mean()

    def backward(self, *gradients: Tensor) -> Tensor:
        """∂ℓ/∂prediction; of the loss itself if no gradient is given."""
        factor = _scalar(self, gradients, self.difference)
        assert self.difference is not None
        return factor * 2 / self.difference.numel() * self.difference


class L1(Module):
    """mean |prediction − target|; its derivative at 0 is taken as 0."""

    def __init__(self) -> None:
        self.difference: Tensor | None = None

    def forward(self, *inputs: Tensor) -> Tensor:
        self.difference = _difference(self, *inputs)
        return self.difference.abs().mean()

    def backward(self, *gradients: Tensor) -> Tensor:
        """∂ℓ/∂prediction; of the loss itself if no gradient is given."""
        factor = _scalar(self, gradients, self.difference)
        assert self.difference is not None
        return factor / self.difference.numel() * self.difference.sign()


def _difference(module: Module, prediction: Tensor, target: Tensor) -> Tensor:
    name = type(module).__name__
    if prediction.shape != target.shape:
        raise Misfit(f"{name} takes two tensors of one shape, given {tuple(prediction.shape)} and {tuple(target.shape)}")
    if not prediction.numel():
        raise Misfit(f"{name} takes at least one number, given {tuple(prediction.shape)}")
    return prediction - target


def _scalar(module: Module, gradients: tuple[Tensor, ...], difference: Tensor | None) -> Tensor | float:
    if gradients:
        return gradient_of(module, gradients[0], () if difference is not None else None)
    if difference is None:
        name = type(module).__name__
        raise Misfit(f"{name}.backward was called before {name}.forward")
    return 1.0
