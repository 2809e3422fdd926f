"""Rules that move parameters along their gradients; what they do is what `torch.optim` does."""

from torch import Tensor

from darkroom.scratch.module import Misfit


class Optimizer:
    """What all rules share: parameters with their gradients."""

    params: list[tuple[Tensor, Tensor]]

    def step(self) -> None:
        """Move every parameter once."""
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Clear every gradient."""
        for _, gradient in self.params:
            gradient.zero_()


class SGD(Optimizer):
    """Gradient descent: g ← g + λ θ, v ← μ v + g, θ ← θ − η v; Nesterov's form moves along g + μ v.

    Args:
        params: what `Module.param` returns.
        lr: η.
        momentum: μ.
        nesterov: take Nesterov's form.
        weight_decay: λ.

    Raises:
        Misfit: Nesterov's form is asked for without a momentum.
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
            raise Misfit("SGD takes a momentum above 0 where nesterov is asked for, given 0")
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
    """Adam (Kingma & Ba 2015, algorithm 1): m and v are running means of g and g², θ ← θ − η m̂ / (√v̂ + ε).

    Args:
        params: what `Module.param` returns.
        lr: η.
        betas: decay of m and of v.
        eps: ε.
        weight_decay: λ, g ← g + λ θ.
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
        self.means = [(gradient.clone().zero_(), gradient.clone().zero_()) for _, gradient in params]
        self.steps = 0

    def step(self) -> None:
        self.steps += 1
        first, second = self.betas
        for (parameter, gradient), (mean, square) in zip(self.params, self.means, strict=True):
            g = gradient + self.decay * parameter if self.decay else gradient
            mean.mul_(first).add_(g, alpha=1 - first)
            square.mul_(second).addcmul_(g, g, value=1 - second)
            root = (square / (1 - second**self.steps)).sqrt_().add_(self.eps)
            parameter.addcdiv_(mean, root, value=-self.lr / (1 - first**self.steps))
