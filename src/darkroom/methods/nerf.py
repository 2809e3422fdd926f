"""NeRF: a coarse network that finds where to sample, and a fine one (Mildenhall et al. 2020)."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from darkroom.core.randomness import generator
from darkroom.methods.radiance import RadianceMethod, RenderedField
from darkroom.networks.nerf import NeRF
from darkroom.radiance.cameras import Rays
from darkroom.radiance.rays import RayBatch
from darkroom.radiance.rendering import Background, Rendering
from darkroom.radiance.sampling import hierarchical, intervals, stratified
from darkroom.radiance.space import Space

TRANSPARENT = 1e-3
"""Mean opacity below which training counts as collapsed."""


class NeuralRadianceField(RadianceMethod):
    """Squared error of the colours of both networks, each trained by its own.

    Training may collapse to a transparent field, which renders the background and has no gradient. If the mean opacity of the
    rays is below 0.001 at step `collapse_check`, both networks are initialised again with another seed.

    Args:
        coarse, fine: the networks.
        space: bounds and warp.
        samples: number of stratified samples of the coarse network, and of those added by hierarchical sampling; the fine
            network takes both.
        background: 1 white, 0 black.
        noise: standard deviation of the noise on densities in training, for real scenes.
        seed: of networks that are initialised again.
        collapse_check: number of steps after which opacity is checked, counted from the last initialisation.

    Source: section 5 of the paper. Three of five runs of a well-known implementation on Lego collapse.
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
        collapse_check: int = 300,
    ) -> None:
        super().__init__(space, background, chunk=1024)
        self.coarse, self.fine = RenderedField(coarse), RenderedField(fine)
        self.samples, self.noise, self.seed, self.collapse_check = samples, noise, seed, collapse_check
        self.starts: Tensor
        self.register_buffer("starts", torch.tensor(1))
        self._starts = 1  # the same on the host, so that no step waits for the device
        self.opacity, self._messages = torch.tensor(1.0), ""
        coarse.noise = fine.noise = noise

    def load_state_dict(self, state: Mapping[str, Any], *rest: Any, **more: Any) -> Any:  # type: ignore[override]
        """Load a state, and the number of initialisations."""
        self._starts = int(state["starts"])
        return super().load_state_dict(state, *rest, **more)

    def networks(self) -> Mapping[str, nn.Module]:
        return {"coarse": self.coarse, "fine": self.fine}

    def losses(self, batch: RayBatch, step: int) -> Iterator[tuple[str, Tensor]]:
        rays, target, background = batch
        self.check_cameras(rays)
        t, coarse = self._coarse(rays, background, jitter=True)
        yield "coarse", (coarse.colour - target).square().mean()
        fine = self._fine(rays, background, t, coarse, jitter=True)
        self.opacity = fine.opacity.detach().mean()
        yield "fine", (fine.colour - target).square().mean()

    def render(self, rays: Rays) -> Rendering:
        t, coarse = self._coarse(rays, self.background, jitter=False)
        return self._fine(rays, self.background, t, coarse, jitter=False)

    def _coarse(self, rays: Rays, background: Background, *, jitter: bool) -> tuple[Tensor, Rendering]:
        t = stratified(*self.space.bounds(rays), self.samples[0], jitter=jitter)
        return t, self.coarse(rays, intervals(t, rays), background)

    def _fine(self, rays: Rays, background: Background, t: Tensor, coarse: Rendering, *, jitter: bool) -> Rendering:
        added = hierarchical(t, coarse.weights.view_as(t), self.samples[1], jitter=jitter)
        both = torch.cat([t, added], 1).sort(1).values
        return self.fine(rays, intervals(both, rays), background)  # type: ignore[no-any-return]

    def after_step(self, step: int) -> Collection[str]:
        self._messages = ""
        if step + 1 != self.collapse_check * self._starts:
            return ()
        opacity = self._mean_opacity()
        if opacity > TRANSPARENT:
            return ()
        random = generator(self.seed, "restart", self._starts)
        self._starts += 1
        self.starts.fill_(self._starts)
        self._messages = (
            f"training has collapsed to a transparent field (mean opacity {opacity:.1e}): both networks are initialised again, "
            f"start {self._starts}"
        )
        for network in (self.coarse, self.fine):
            network.field.initialise(random)  # type: ignore[operator]
        return ("coarse", "fine")

    def _mean_opacity(self) -> float:
        """Mean opacity of the rays of the last step, over all processes."""
        opacity = self.opacity.clone()
        if torch.distributed.is_initialized():
            torch.distributed.all_reduce(opacity)
            opacity /= torch.distributed.get_world_size()
        return float(opacity)

    def messages(self) -> Collection[str]:
        return (self._messages,) if self._messages else ()
