"""Optimizers, with the update rules of `torch.optim`."""

from torch import Tensor

from darkroom.scratch.module import FrameworkError


class Optimizer:
    """The interface of optimizers: `params` are pairs (parameter, gradient)."""

    params: list[tuple[Tensor, Tensor]]

    def step(self) -> None:
        """Update every parameter once."""
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Set every gradient to zero."""
        for _, gradient in self.params:
            gradient.zero_()


class SGD(Optimizer):
    """Gradient descent: g ← g + λ θ, v ← μ v + g, θ ← θ − η v; with Nesterov momentum θ ← θ − η (g + μ v).

    Args:
        params: of `Module.param`.
        lr: η.
        momentum: μ.
        nesterov: use Nesterov momentum.
        weight_decay: λ.

    Raises:
        FrameworkError: Nesterov momentum with a momentum of 0.

    Example:
        >>> from torch import tensor
        >>> parameter, gradient = tensor([1.0]), tensor([2.0])
        >>> SGD([(parameter, gradient)], lr=0.25).step()
        >>> parameter
        tensor([0.5000])
    """

    def __init__(
        self,
        params: list[tuple[Tensor, Tensor]],
        lr: float,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        if nesterov and not momentum:
            raise FrameworkError("SGD with nesterov=True takes a momentum above 0, given 0")
        self.params, self.lr, self.momentum, self.nesterov, self.decay = params, lr, momentum, nesterov, weight_decay
        self.velocity = [gradient.clone().zero_() for _, gradient in params]

    def step(self) -> None:
        for (parameter, gradient), velocity in zip(self.params, self.velocity, strict=True):
            g = gradient + self.decay * parameter if self.decay else gradient
            if self.momentum:
                velocity.mul_(self.momentum).add_(g)
                g = g + self.momentum * velocity if self.nesterov else velocity
            parameter.sub_(g, alpha=self.lr)


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, Algorithm 1): m and v are moving averages of g and g², θ ← θ − η m̂ / (√v̂ + ε).

    Args:
        params: of `Module.param`.
        lr: η.
        betas: decay rates of m and v.
        eps: ε.
        weight_decay: λ, with g ← g + λ θ.
    """

    def __init__(
        self,
        params: list[tuple[Tensor, Tensor]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        self.params, self.lr, self.betas, self.eps, self.decay = params, lr, betas, eps, weight_decay
        self.moments = [(gradient.clone().zero_(), gradient.clone().zero_()) for _, gradient in params]
        self.steps = 0

    def step(self) -> None:
        self.steps += 1
        first, second = self.betas
        for (parameter, gradient), (mean, square) in zip(self.params, self.moments, strict=True):
            g = gradient + self.decay * parameter if self.decay else gradient
            mean.mul_(first).add_(g, alpha=1 - first)
            square.mul_(second).addcmul_(g, g, value=1 - second)
            root = (square / (1 - second**self.steps)).sqrt_().add_(self.eps)
            parameter.addcdiv_(mean, root, value=-self.lr / (1 - first**self.steps))
