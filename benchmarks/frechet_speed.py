"""The Fréchet distance of Gaussians in 1024 dimensions: ours, against the roots of nonsymmetric products."""

import numpy as np
import scipy.linalg
import torch

from benchmarks.side_by_side import alternate, show
from darkroom.metrics.frechet import squared_frechet_distance

DIMENSIONS = 1024


def main() -> None:
    random = torch.Generator().manual_seed(0)
    for samples in (200, 3000):
        sets = [torch.randn(samples, DIMENSIONS, generator=random, dtype=torch.float64) * scale for scale in (1.0, 1.3)]
        (mean1, covariance1), (mean2, covariance2) = ((x.mean(0), torch.cov(x.T)) for x in sets)

        def ours() -> float:
            return squared_frechet_distance(mean1, covariance1, mean2, covariance2)  # noqa: B023

        def by_eigenvalues() -> float:
            """As torchmetrics does it."""
            root = torch.linalg.eigvals(covariance1 @ covariance2).sqrt().real.sum()  # noqa: B023
            return float((mean1 - mean2).square().sum() + covariance1.trace() + covariance2.trace() - 2 * root)  # noqa: B023

        def by_square_root() -> float:
            """As the original FID and clean-fid do it."""
            root = scipy.linalg.sqrtm(covariance1.numpy() @ covariance2.numpy())  # noqa: B023
            return float((mean1 - mean2).square().sum() + covariance1.trace() + covariance2.trace() - 2 * np.trace(root).real)  # noqa: B023

        ways = {"ours": ours, "eigenvalues of the product": by_eigenvalues, "square root of the product": by_square_root}
        values = ", ".join(f"{name} {way():.6f}" for name, way in ways.items())
        title = f"Fréchet distance, {DIMENSIONS} features of {samples} images, {torch.get_num_threads()} threads: {values}"
        show(title, alternate(ways, rounds=2), against="ours")


if __name__ == "__main__":
    main()
