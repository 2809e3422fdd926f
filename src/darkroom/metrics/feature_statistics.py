"""What is kept of the features of two sets of images, and the distance that is computed of it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.averages import mean
from darkroom.core.randomness import generator
from darkroom.metrics.frechet import squared_frechet_distance

SUBSETS = 100
"""KID is the mean over so many random subsets."""


class FeatureStatistic(ABC):
    """The state of a distance between two sets of features: generated ones, and the reference.

    Attributes:
        width: number of features.
    """

    width: int

    @abstractmethod
    def update(self, features: Float[Tensor, "batch d"], reference: bool) -> None:
        """Take in features, float64."""

    @abstractmethod
    def distance(self) -> float:
        """The distance of the two sets."""

    @abstractmethod
    def reference(self) -> dict[str, Tensor]:
        """What is kept of the reference."""

    @abstractmethod
    def set_reference(self, kept: Mapping[str, Tensor]) -> None:
        """Put back what `reference` returned."""


class Gaussians(FeatureStatistic):
    """Sums and sums of products of features, as torchmetrics keeps them; the Fréchet distance of the Gaussians they describe.

    Args:
        width: number of features d.
        device: of the features.
    """

    def __init__(self, width: int, device: torch.device) -> None:
        from torchmetrics.image.fid import FrechetInceptionDistance  # slow to import

        self.width = width
        self.state = FrechetInceptionDistance(_Given(width)).to(device)

    def update(self, features: Float[Tensor, "batch d"], reference: bool) -> None:
        self.state.update(features, real=reference)

    def distance(self) -> float:
        generated, real = (self._gaussian(side) for side in ("fake", "real"))
        return squared_frechet_distance(*generated, *real)

    def reference(self) -> dict[str, Tensor]:
        return {name: getattr(self.state, name).clone() for name in self._names("real")}

    def set_reference(self, kept: Mapping[str, Tensor]) -> None:
        for name in self._names("real"):
            setattr(self.state, name, kept[name].to(getattr(self.state, name).device))

    def _gaussian(self, side: str) -> tuple[Tensor, Tensor]:
        """Mean and covariance (divided by n − 1)."""
        total, products, count = (getattr(self.state, name) for name in self._names(side))
        mean = total / count
        return mean, (products - count * torch.outer(mean, mean)) / (count - 1)

    @staticmethod
    def _names(side: str) -> tuple[str, str, str]:
        return f"{side}_features_sum", f"{side}_features_cov_sum", f"{side}_features_num_samples"


class Kernel(FeatureStatistic):
    """All features; the unbiased squared maximum mean discrepancy with the kernel k(x, y) = (xᵀy / d + 1)³.

    It is the mean over 100 random subsets of both sets, seeded; over the sets themselves where neither is larger than a subset.

    Args:
        width: number of features d.
        subset_size: of subsets; of smaller sets, the size of the smaller one.

    Source: Bińkowski et al. 2018, eq. 4, and section 4 for the kernel.
    """

    def __init__(self, width: int, subset_size: int) -> None:
        self.width, self.subset_size = width, subset_size
        self.kept: dict[bool, list[Tensor]] = {True: [], False: []}

    def update(self, features: Float[Tensor, "batch d"], reference: bool) -> None:
        self.kept[reference].append(features.float())

    def distance(self) -> float:
        from torchmetrics.image.kid import poly_mmd  # slow to import

        ours, theirs = (torch.cat(self.kept[side]) for side in (False, True))
        subset = min(self.subset_size, len(ours), len(theirs))
        count = 1 if max(len(ours), len(theirs)) == subset else SUBSETS
        random = generator(0, "subsets")
        values = []
        for _ in range(count):
            x, y = (each[torch.randperm(len(each), generator=random)[:subset].to(each.device)] for each in (ours, theirs))
            values.append(float(poly_mmd(x.double(), y.double())))
        return mean(values)

    def reference(self) -> dict[str, Tensor]:
        return {"features": torch.cat(self.kept[True])}

    def set_reference(self, kept: Mapping[str, Tensor]) -> None:
        self.kept[True] = [kept["features"]]


class _Given(nn.Module):
    """Features that have been computed already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Float[Tensor, "batch features"]) -> Float[Tensor, "batch features"]:
        return features
