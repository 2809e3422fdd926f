"""Regression: learn a prediction from pairs of input and target."""

from collections.abc import Callable, Iterator, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.method import Example, Method

Loss = Callable[[Tensor, Tensor], Tensor]


class Regression(Method):
    """Minimise E ℓ(f(input, condition), target) over the network f.

    With a noisy image as input, the clean one as target and the squared error for ℓ this is how DnCNN is trained (Zhang et al.
    2017, eq. 1); with a second noisy image as target it is Noise2Noise.

    Args:
        network: f, called with the input and the conditions.
        loss: ℓ(prediction, target), a scalar.

    Example:
        >>> import torch
        >>> method = Regression(nn.Identity(), squared_error)
        >>> batch = Example(torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8))
        >>> [(name, loss.item()) for name, loss in method.losses(batch, step=0)]
        [('network', 1.0)]
    """

    def __init__(self, network: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.network = network
        self.loss = loss

    def networks(self) -> Mapping[str, nn.Module]:
        return {"network": self.network}

    def losses(self, batch: Example, step: int) -> Iterator[tuple[str, Tensor]]:
        yield "network", self.loss(self.predict(batch), batch.target)

    def predict(self, batch: Example) -> Float[Tensor, "batch channel height width"]:
        return self.network(batch.input, *batch.condition)


def half_squared_error(prediction: Tensor, target: Tensor) -> Tensor:
    """1/(2N) Σ ‖prediction − target‖², summed over the pixels of each of N images (Zhang et al. 2017, eq. 1)."""
    return (prediction - target).square().sum() / (2 * len(target))


def squared_error(prediction: Tensor, target: Tensor) -> Tensor:
    """mean (prediction − target)²; its minimiser is the conditional mean of the target."""
    return (prediction.float() - target).square().mean()


def absolute_error(prediction: Tensor, target: Tensor) -> Tensor:
    """mean |prediction − target|; its minimiser is the conditional median of the target."""
    return (prediction.float() - target).abs().mean()


def charbonnier(prediction: Tensor, target: Tensor) -> Tensor:
    """mean √((prediction − target)² + 1e-9): the absolute error, smooth at zero (Charbonnier et al. 1994; Liang et al. 2021)."""
    return ((prediction.float() - target).square() + 1e-9).sqrt().mean()


def negative_psnr(prediction: Tensor, target: Tensor) -> Tensor:
    """mean over images of 10 log₁₀(MSE + 10⁻⁵): all noise levels weigh alike, up to 50 dB, beyond which the loss is flat.

    Source: the loss of NAFNet (Chen, Chu, Zhang, Sun 2022) and of HINet before it (Chen, Lu, Zhang, Chu, Chen 2021).
    """
    errors = (prediction.float() - target).square().flatten(1).mean(1)
    return 10 * (errors + 1e-5).log10().mean()


def l1_and_frequencies(weight: float) -> Loss:
    """mean |prediction − target| + weight · mean |F(prediction) − F(target)|, F the two-dimensional Fourier transform.

    The second mean is over real and imaginary parts (Sun et al. 2023, equation 8; Cho et al. 2021).
    """

    def loss(prediction: Tensor, target: Tensor) -> Tensor:
        l1 = (prediction - target).abs().mean()
        if not weight:
            return l1
        difference = torch.fft.rfft2(prediction.float()) - torch.fft.rfft2(target.float())
        return l1 + weight * torch.view_as_real(difference).abs().mean()

    return loss
