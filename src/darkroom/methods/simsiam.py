"""Simple Siamese representation learning (Chen & He 2021)."""

from collections.abc import Iterator

from torch import Tensor

from darkroom.core.method import Example
from darkroom.methods.self_supervision import SelfSupervision, cosine


class SimSiam(SelfSupervision):
    """Each view predicts the projection of the other one, through which no gradient flows; there is no target network.

        L = −½ cos(p, stop(z′)) − ½ cos(p′, stop(z))

    Source: Chen & He 2021, eq. 2 and algorithm 1.
    """

    def losses(self, batch: Example, step: int) -> Iterator[tuple[str, Tensor]]:
        z, p = self.network(batch.input)
        other_z, other_p = self.network(batch.target)
        self.projections = z.detach()
        yield "network", -(cosine(p, other_z.detach()) + cosine(other_p, z.detach())).mean() / 2
