"""A simple framework for contrastive learning (Chen, Kornblith, Norouzi, Hinton 2020)."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.method import Example
from darkroom.layers.normalization import over_processes
from darkroom.methods.self_supervision import SelfSupervision
from darkroom.networks.encoder import Encoder


class SimCLR(SelfSupervision):
    """Each view is to be more similar to the other view of its image than to views of all other images of the batch.

    Args:
        network: without a predictor.
        temperature: τ of `nt_xent`.

    Source: Chen et al. 2020, eq. 1 and algorithm 1.
    """

    def __init__(self, network: Encoder, *, temperature: float) -> None:
        super().__init__(network)
        self.temperature = temperature

    def losses(self, batch: Example, step: int) -> Iterator[tuple[str, Tensor]]:
        z, other_z = self.network(batch.input)[0], self.network(batch.target)[0]
        self.projections = z.detach()
        yield "network", nt_xent(over_processes(z), over_processes(other_z), self.temperature)


def nt_xent(
    z: Float[Tensor, "batch features"], other_z: Float[Tensor, "batch features"], temperature: float
) -> Float[Tensor, ""]:
    """Mean over all 2N views of −log exp(s_ij / τ) / Σ_{k ≠ i} exp(s_ik / τ), s the cosine similarity, j the other view of i."""
    unit = nn.functional.normalize(torch.cat([z, other_z]).float(), dim=1)
    similarity = (unit @ unit.T / temperature).fill_diagonal_(-torch.inf)
    partner = torch.arange(len(unit), device=unit.device).roll(len(z))
    return nn.functional.cross_entropy(similarity, partner)
