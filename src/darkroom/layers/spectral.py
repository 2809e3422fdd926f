"""Spectral normalisation: weights drawn from a generator, and power iterations that have converged before the first step."""

import torch
from torch import nn

SETTLING = 15
"""Power iterations at initialisation."""


def initialise_spectral(network: nn.Module, generator: torch.Generator, *, deviation: float = 0.02) -> None:
    """Draw the weights of layers with spectral normalisation from N(0, deviation²), and settle their power iterations.

    Args:
        network: layers of it to which `torch.nn.utils.parametrizations.spectral_norm` was applied are changed in place.
        generator: the source of randomness.
        deviation: of the weights before they are divided by their largest singular value.

    Source: Miyato et al. 2018, algorithm 1.

    Example:
        >>> layer = torch.nn.utils.parametrizations.spectral_norm(nn.Linear(5, 4))
        >>> initialise_spectral(layer, torch.Generator().manual_seed(0))
        >>> round(torch.linalg.matrix_norm(layer.weight, 2).item(), 2)
        1.0
    """
    for module in network.modules():
        if not nn.utils.parametrize.is_parametrized(module, "weight"):
            continue
        parametrization = module.parametrizations.weight  # type: ignore[union-attr]
        nn.init.normal_(parametrization.original, std=deviation, generator=generator)  # type: ignore[union-attr,arg-type]
        with torch.no_grad():
            for vector in parametrization[0].buffers():  # type: ignore[index,union-attr]
                vector.copy_(nn.functional.normalize(torch.randn(vector.shape, generator=generator), dim=0))
        training = module.training
        module.train()
        for _ in range(SETTLING):
            module.weight  # noqa: B018  (in training mode, reading the weight makes one power iteration)
        module.train(training)
