"""Distances between the distributions of generated and of real images: FID and KID, and the same in the features of any network.

The state is updated with `(generated, real)`; either may be None, so the two sets need not be of equal size.
"""

import hashlib
import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.core.images import round_to_8_bits, to_uint8
from darkroom.core.pretrained import Pretrained
from darkroom.metrics.per_image import Images
from darkroom.metrics.whole_set import WholeSetMetric

INCEPTION = Pretrained(
    "Inception v3 of FID",
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
    91,
)
"""The network of the original FID, converted to PyTorch by torch-fidelity."""

KID_SUBSETS = 100
"""KID is the mean over so many random subsets."""


@dataclass(frozen=True)
class Features:
    """The features in which two sets of images are compared.

    Args:
        title: of the network, for definitions.
        network: makes the network when an evaluation begins: images `(batch, channel, height, width)`, float in [0, 1] and
            rounded to 8 bits, to features `(batch, features)`.
        requires: what is required and missing, in words.
    """

    title: str
    network: Callable[[], nn.Module]
    requires: Callable[[], str] = str


def fid() -> WholeSetMetric:
    """Fréchet Inception distance (Heusel et al. 2017), in the features and with the resizing of the original."""
    return frechet_distance(inception_features(), "fid", "FID")


def kid(subset_size: int = 1000) -> WholeSetMetric:
    """Kernel Inception distance (Bińkowski et al. 2018), in the features and with the resizing of the original FID."""
    return kernel_distance(inception_features(), "kid", "KID", subset_size)


def frechet_distance(features: Features, name: str, title: str) -> WholeSetMetric:
    """Fréchet distance between Gaussians fitted to the features of two sets of images.

    d² = ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½). It depends on the number of images: only equal numbers compare.

    Example:
        >>> pixels = Features("the pixels", lambda: torch.nn.Flatten())
        >>> metric = frechet_distance(pixels, "frechet_pixels", "Fréchet distance of pixels")
        >>> state = metric.accumulator(torch.device("cpu"))
        >>> images = torch.rand(100, 1, 1, 2, generator=torch.Generator().manual_seed(0)) * 0.5
        >>> state.update(images, images + 51 / 255)  # equal covariances, means 0.2 apart in two pixels
        >>> round(state.compute().value, 3)
        0.08
    """

    def statistic(number: int) -> Any:
        from torchmetrics.image.fid import FrechetInceptionDistance  # slow to import

        return FrechetInceptionDistance(_Given(number))

    return WholeSetMetric(
        name,
        title,
        "",
        f"squared Fréchet distance between Gaussians fitted to features of {features.title}; images clipped and rounded to "
        "8 bits; covariances in float64; depends on the number of images; lower is closer.",
        higher_is_better=False,
        quality="perception",
        state=lambda: _OfFeatures(features.network(), statistic, 2, title),
        update=_update,
        read=lambda distance: max(float(distance), 0.0),
        requires=features.requires,
    )


def kernel_distance(features: Features, name: str, title: str, subset_size: int = 1000) -> WholeSetMetric:
    """Squared maximum mean discrepancy of the features of two sets of images.

    With the kernel k(x, y) = (xᵀy / d + 1)³, unbiased, mean over 100 random subsets of both sets (seeded). The features of all
    images are kept.

    Args:
        subset_size: images of a subset; both sets need at least as many.
    """

    def statistic(number: int) -> Any:
        from torchmetrics.image.kid import KernelInceptionDistance  # slow to import

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it keeps features
            return KernelInceptionDistance(_Given(number), KID_SUBSETS, subset_size)

    return WholeSetMetric(
        name,
        title,
        "",
        f"squared maximum mean discrepancy with a cubic polynomial kernel on features of {features.title}, mean over "
        f"{KID_SUBSETS} subsets of {subset_size}; images clipped and rounded to 8 bits; lower is closer.",
        higher_is_better=False,
        quality="perception",
        state=lambda: _OfFeatures(features.network(), statistic, subset_size, title),
        update=_update,
        read=lambda mean_and_deviation: float(mean_and_deviation[0]),
        requires=features.requires,
    )


def inception_features() -> Features:
    """The 2048 pooled features of FID's Inception v3, images resized to 299x299 by TensorFlow 1's bilinear interpolation."""
    return Features("Inception v3 (2015-12-05, pooled; resized without antialiasing)", _Inception, _missing_inception)


def find_inception() -> None:
    """Make sure that the weights of `fid()` and `kid()` are in the cache; download them if they are not.

    Raises:
        DarkroomError: the package torch-fidelity is not installed, or the weights could not be downloaded.
    """
    if not importlib.util.find_spec("torch_fidelity"):
        raise DarkroomError(_missing_inception())
    INCEPTION.find()


def _missing_inception() -> str:
    if not importlib.util.find_spec("torch_fidelity"):
        return "the package torch-fidelity is not installed: pip install torch-fidelity"
    return INCEPTION.missing()


def _update(state: Any, prediction: Tensor | None, target: Tensor | None) -> None:
    for images, real in ((prediction, False), (target, True)):
        if images is not None and len(images):
            state.update(images, real=real)


class _OfFeatures:
    """A statistic of torchmetrics on the features of a network.

    Args:
        network: see `Features`.
        statistic: makes the statistic for a number of features.
        least: number of images that either set needs.
        title: of the metric.
    """

    def __init__(self, network: nn.Module, statistic: Callable[[int], Any], least: int, title: str) -> None:
        self.network, self.statistic, self.least, self.title = network.eval(), statistic, least, title
        self.counts = {True: 0, False: 0}
        self.device = torch.device("cpu")
        self.made: Any = None

    def to(self, device: torch.device) -> "_OfFeatures":
        self.network, self.device = self.network.to(device), device
        return self

    def update(self, images: Images, real: bool) -> None:
        features = self.network(round_to_8_bits(images.to(self.device))).double()
        if self.made is None:
            self.made = self.statistic(features.shape[1]).to(self.device)
        self.made.update(features, real=real)
        self.counts[real] += len(images)

    def compute(self) -> Any:
        if min(self.counts.values()) < self.least:
            raise DarkroomError(
                f"{self.title} needs at least {self.least} images of either set; {self.counts[False]} were generated, "
                f"and {self.counts[True]} are real"
            )
        with torch.random.fork_rng(devices=[]):  # random subsets
            torch.manual_seed(0)
            return self.made.compute()


class _Given(nn.Module):
    """Features that have been computed already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Float[Tensor, "batch features"]) -> Float[Tensor, "batch features"]:
        return features


class _Inception(nn.Module):
    """FID's Inception v3: 8-bit RGB images of any size to 2048 features."""

    def __init__(self) -> None:
        super().__init__()
        from torchmetrics.image.fid import NoTrainInceptionV3  # slow to import

        find_inception()
        path = INCEPTION.path()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()  # the file is unpickled: checked before it is opened
        if not digest.startswith(path.stem.rsplit("-", 1)[1]):
            raise DarkroomError(f"{path} is damaged, or not {INCEPTION.title}: delete it, and it is downloaded again")
        self.network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(path), antialias=False)

    def forward(self, images: Images) -> Float[Tensor, "batch features"]:
        return self.network(to_uint8(images).expand(-1, 3, -1, -1))
