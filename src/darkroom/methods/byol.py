"""Bootstrap your own latent (Grill et al. 2020)."""

import copy
import math
from collections.abc import Collection, Iterator
from itertools import chain

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from darkroom.core.method import Example
from darkroom.methods.self_supervision import SelfSupervision, cosine
from darkroom.networks.encoder import Encoder


class BYOL(SelfSupervision):
    """The online network predicts the target network's projection of another view; the target is an average of the online network.

    With views v, v′, online network θ and target network ξ (eq. 2, summed over both orders of the views)

        L = ‖q̄_θ(z_θ) − z̄′_ξ‖² = 2 − 2 cos(q_θ(z_θ), z′_ξ)
        ξ ← τ ξ + (1 − τ) θ

    after every step, with τ = 1 − (1 − τ_base) (cos(π k / K) + 1) / 2 in step k of K. No gradient flows into the target.

    Batch normalisation: each view is normalised by its own batch, in both networks. The average takes the parameters; the target's
    running statistics follow its own batches, as in the authors' code, and nothing reads them: the target is never evaluated.

    Args:
        network: the online network with its predictor.
        tau: τ_base; 0 makes the target a copy of the online network.
        steps: K, the length of the training; 0 keeps τ at τ_base.
    """

    def __init__(self, network: Encoder, *, tau: float, steps: int) -> None:
        super().__init__(network)
        self.tau_base, self.steps = tau, steps
        self.target = nn.Sequential(copy.deepcopy(network.backbone), copy.deepcopy(network.projector)).requires_grad_(False)

    def frozen_networks(self) -> Collection[nn.Module]:
        return (self.target,)

    def losses(self, batch: Example, step: int) -> Iterator[tuple[str, Tensor]]:
        z, p = self.network(batch.input)
        _, other_p = self.network(batch.target)
        with torch.no_grad():
            target_z, other_target_z = self.target(batch.input), self.target(batch.target)
        self.projections = z.detach()
        yield "network", distance(p, other_target_z) + distance(other_p, target_z)

    def tau(self, step: int) -> float:
        """τ of a step, counted from 0 (section 3.2, "Implementation details")."""
        if not self.steps:
            return self.tau_base
        return 1 - (1 - self.tau_base) * (math.cos(math.pi * step / self.steps) + 1) / 2

    @torch.no_grad()
    def after_step(self, step: int) -> Collection[str]:
        parameters = chain(self.network.backbone.parameters(), self.network.projector.parameters())
        online = [each.full_tensor() if isinstance(each, DTensor) else each for each in parameters]  # sharded ones
        torch._foreach_lerp_(list(self.target.parameters()), online, 1 - self.tau(step))
        return ()


def distance(p: Float[Tensor, "batch features"], z: Float[Tensor, "batch features"]) -> Float[Tensor, ""]:
    """Mean over the batch of ‖p / ‖p‖ − z / ‖z‖‖² = 2 − 2 cos(p, z), between 0 and 4 (Grill et al. 2020, eq. 2)."""
    return (2 - 2 * cosine(p, z)).mean()
