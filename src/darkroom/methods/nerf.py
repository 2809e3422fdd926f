"""NeRF: two networks, one that finds out where something is, one that looks there (Mildenhall et al. 2020)."""

from collections.abc import Collection, Iterator, Mapping

import torch
from torch import Tensor, nn

from darkroom.core.randomness import generator
from darkroom.methods.radiance import RadianceMethod, Rendered, bare
from darkroom.networks.nerf import NeRF
from darkroom.radiance.cameras import Rays
from darkroom.radiance.rays import SeenRays
from darkroom.radiance.rendering import Background, Rendering, hierarchical, pieces, stratified
from darkroom.radiance.space import Space

EMPTY = 1e-3
"""Mean opacity below which a field is taken for empty."""


class NeuralRadianceField(RadianceMethod):
    """Squared error of both networks' colours; each learns from its own.

    A field may collapse: everything becomes transparent, the image white, and no gradient is left. At step `looked_at` the
    mean opacity of the rays tells; then both networks begin anew with another seed.

    Args:
        coarse, fine: the networks.
        space: depths and warp.
        samples: stratified ones of the coarse network, and those drawn besides for the fine one, which sees all.
        background: 1 white, 0 black.
        noise: deviation of what is added to densities in training, for real scenes.
        seed: of the networks that take the place of collapsed ones.
        looked_at: after so many steps.

    Source: section 5 of the paper; of five runs of a well-known code on Lego, three ended white.
    """

    def __init__(
        self,
        coarse: NeRF,
        fine: NeRF,
        space: Space,
        *,
        samples: tuple[int, int] = (64, 128),
        background: float = 1.0,
        noise: float = 0.0,
        seed: int = 0,
        looked_at: int = 300,
    ) -> None:
        super().__init__(space, background, chunk=1024)
        self.coarse, self.fine = Rendered(coarse), Rendered(fine)
        self.samples, self.noise, self.seed, self.looked_at = samples, noise, seed, looked_at
        self.register_buffer("starts", torch.tensor(1))
        self.starts: Tensor
        self.opacity, self._messages = 1.0, ""
        coarse.noise = fine.noise = noise

    def networks(self) -> Mapping[str, nn.Module]:
        return {"coarse": self.coarse, "fine": self.fine}

    def losses(self, batch: SeenRays, step: int) -> Iterator[tuple[str, Tensor]]:
        rays, seen, behind = batch
        t, first = self._coarse(rays, behind, jitter=True)
        yield "coarse", (first.colour - seen).square().mean()
        second = self._fine(rays, behind, t, first, jitter=True)
        self.opacity = float(second.opacity.detach().mean())
        yield "fine", (second.colour - seen).square().mean()

    def render(self, rays: Rays) -> Rendering:
        t, first = self._coarse(rays, self.background, jitter=False)
        return self._fine(rays, self.background, t, first, jitter=False)

    def _coarse(self, rays: Rays, background: Background, *, jitter: bool) -> tuple[Tensor, Rendering]:
        t = stratified(*self.space.reach(rays), self.samples[0], jitter=jitter)
        return t, self.coarse(rays, pieces(t, rays), background)

    def _fine(self, rays: Rays, background: Background, t: Tensor, first: Rendering, *, jitter: bool) -> Rendering:
        drawn = hierarchical(t, first.weights, self.samples[1], jitter=jitter)
        both = torch.cat([t, drawn], 1).sort(1).values
        return self.fine(rays, pieces(both, rays), background)

    def after_step(self, step: int) -> Collection[str]:
        self._messages = ""
        if step + 1 != self.looked_at * int(self.starts) or self.opacity > EMPTY:
            return ()
        random = generator(self.seed, "restart", int(self.starts))
        self.starts += 1
        self._messages = (
            f"all had become transparent (mean opacity {self.opacity:.1e}); both networks begin anew, start {int(self.starts)}"
        )
        self.coarse, self.fine = (bare(network) for network in (self.coarse, self.fine))
        for network in (self.coarse, self.fine):
            network.field.initialise(random)  # type: ignore[operator]
        return ("coarse", "fine")

    def messages(self) -> Collection[str]:
        return (self._messages,) if self._messages else ()
