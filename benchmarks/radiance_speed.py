"""NeRF and voxel grids against the same formulas written plainly: a training step, and a rendering of 100x100 pixels.

The plain NeRF is the network and sampling of the paper in float32, every layer as it is written down. The plain grid keeps
channels apart, asks `grid_sample` for density and colour of every sample in the box, and moves with torch's Adam.
"""

from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.side_by_side import alternate, show
from darkroom.layers.trilinear import interpolated
from darkroom.methods.radiance import Rendered
from darkroom.networks.nerf import NeRF
from darkroom.networks.voxel_field import VoxelField
from darkroom.radiance import tabletop
from darkroom.radiance.cameras import Rays
from darkroom.radiance.masked_adam import MaskedAdam
from darkroom.radiance.rendering import hierarchical, pieces, steps_in_box, stratified

SIDE, FEATURES, RAYS = 80, 12, 1024


def main() -> None:
    threads = f"{torch.get_num_threads()} threads"
    _rows(threads)
    _nerf(threads)
    _grid(threads)


def _rows(threads: str) -> None:
    """Interpolating 12 channels at 65,536 points."""
    rows = torch.randn(SIDE**3, FEATURES, requires_grad=True)
    points = torch.rand(65_536, 3) * (SIDE - 1)
    grid = rows.detach().t().reshape(1, FEATURES, SIDE, SIDE, SIDE).contiguous().requires_grad_()
    where = (points / (SIDE - 1) * 2 - 1).flip(1).view(1, 1, 1, -1, 3)
    size = torch.tensor([SIDE] * 3)
    with torch.no_grad():
        ways = {
            "grid_sample": partial(nn.functional.grid_sample, grid, where, align_corners=True),
            "rows": partial(interpolated, rows, size, points),
        }
        show(f"65,536 points in {SIDE}³ voxels of {FEATURES} channels, {threads}", alternate(ways), against="grid_sample")

    def both(way: partial, held: Tensor) -> None:
        held.grad = None
        way().sum().backward()

    backward = {name: partial(both, way, held) for (name, way), held in zip(ways.items(), (grid, rows), strict=True)}
    show(f"the same and its gradient, {threads}", alternate(backward), against="grid_sample")


def _rays(count: int) -> tuple[Rays, Tensor]:
    camera = tabletop.cameras(3, 100)[1]
    rays = camera.rays()
    if count < len(rays.origins):
        rays = rays.at(torch.randperm(len(rays.origins), generator=torch.Generator().manual_seed(0))[:count])
    return rays, tabletop.trace(rays.origins, rays.directions)[0]


def _nerf(threads: str) -> None:
    coarse, fine = (NeRF().initialise(torch.Generator().manual_seed(seed)) for seed in (0, 1))
    parameters = [*coarse.parameters(), *fine.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=5e-4)

    def ours(rays: Rays, precise: bool) -> tuple[Tensor, Tensor]:
        ends = torch.ones_like(rays.origins[:, 0])
        with torch.autocast("cpu", torch.bfloat16, enabled=not precise):
            t = stratified(2 * ends, 6 * ends, 64, jitter=False)
            first = Rendered(coarse)(rays, pieces(t, rays))
            both = torch.cat([t, hierarchical(t, first.weights, 128, jitter=False)], 1).sort(1).values
            return first.colour, Rendered(fine)(rays, pieces(both, rays)).colour

    def plain(rays: Rays) -> tuple[Tensor, Tensor]:
        t = torch.linspace(2, 6, 64).expand(len(rays.origins), 64)
        first, weights = _plain_pass(coarse, rays, t)
        drawn = hierarchical(t, weights, 128, jitter=False)
        return first, _plain_pass(fine, rays, torch.cat([t, drawn], 1).sort(1).values)[0]

    def step(way, rays: Rays, seen: Tensor) -> None:
        optimizer.zero_grad()
        one, two = way(rays)
        ((one - seen).square().mean() + (two - seen).square().mean()).backward()
        optimizer.step()

    rays, seen = _rays(256)
    print(f"\nlargest difference of colours: {(ours(rays, True)[1] - plain(rays)[1]).abs().max():.1e}")
    ways = {"plain": plain, "ours, float32": partial(ours, precise=True), "ours, bfloat16": partial(ours, precise=False)}
    show(
        f"NeRF, a step of 256 rays, 64 + 128 samples, {threads}",
        alternate({name: partial(step, way, rays, seen) for name, way in ways.items()}, rounds=2),
        against="plain",
    )
    image, _ = _rays(2500)
    with torch.no_grad():
        seconds = alternate({name: partial(way, image) for name, way in ways.items()}, rounds=1)
    show(f"NeRF, a quarter of a rendering of 100x100, {threads}", seconds, against="plain")


def _plain_pass(network: NeRF, rays: Rays, t: Tensor) -> tuple[Tensor, Tensor]:
    points = rays.origins[:, None] + rays.directions[:, None] * t[..., None]
    flat, viewing = points.reshape(-1, 3), rays.viewing[:, None].expand_as(points).reshape(-1, 3)

    def encoded(x: Tensor, frequencies: int) -> Tensor:
        return torch.cat([x, *[wave(x * 2.0**k) for k in range(frequencies) for wave in (torch.sin, torch.cos)]], -1)

    place = encoded(flat, 10)
    h = place
    for number, layer in enumerate(network.layers):
        h = torch.relu(layer(torch.cat([h, place], -1) if number == network.skip else h))
    sigma = torch.relu(network.sigma(h)).view(t.shape)
    h = torch.relu(network.view(torch.cat([network.features(h), encoded(viewing, 4)], -1)))
    colour = torch.sigmoid(network.rgb(h)).view(points.shape)
    lengths = torch.cat([t.diff(dim=1), torch.full_like(t[:, :1], 1e10)], 1) * rays.directions.norm(dim=1, keepdim=True)
    alpha = 1 - torch.exp(-sigma * lengths)
    through = torch.cat([torch.ones_like(alpha[:, :1]), torch.cumprod(1 - alpha + 1e-10, 1)[:, :-1]], 1)
    weights = alpha * through
    return (weights[..., None] * colour).sum(1) + 1 - weights.sum(1, keepdim=True), weights


def _grid(threads: str) -> None:
    """A field that has found its surfaces: the embedded scene's solids, as opaque as a trained grid's."""
    low, high = torch.tensor([-1.2, -1.2, -0.75]), torch.tensor([1.2, 1.2, 0.6])
    field = VoxelField(low, high, SIDE**3, base=SIDE**3, features=FEATURES, width=64, opacity=1e-2)
    field.initialise(torch.Generator().manual_seed(0))
    centres = field.centres()
    eye = torch.tensor([0.0, 0.0, 5.0])
    depth = tabletop.trace(eye.expand_as(centres), centres - eye)[2]  # below what is seen from above is something
    with torch.no_grad():
        field.density_rows[:, 0] = torch.where(depth <= 1.0, 12.0, -8.0)
        field.feature_rows.normal_(generator=torch.Generator().manual_seed(0))
    field.update_occupancy(1e-3)
    ours = Rendered(field)
    mine = MaskedAdam(field.groups(1e-2), lr=0.1)

    def in_rows(rays: Rays) -> Tensor:
        samples = steps_in_box(rays, low, high, 0.5 * field.voxel, spacing=0.5)
        there, _, points = samples.points(rays)
        inside = torch.zeros_like(samples.inside).flatten()
        inside[there] = field.occupied(points)
        return ours(rays, samples._replace(inside=inside.view_as(samples.inside)), 1.0, 1e-4).colour

    shape = field.size.tolist()
    density = nn.Parameter(field.density_rows.detach().t().reshape(1, 1, *shape).clone())
    features = nn.Parameter(field.feature_rows.detach().t().reshape(1, FEATURES, *shape).clone())
    theirs = torch.optim.Adam([density, features, *field.network.parameters()], lr=1e-3)

    def by_channels(rays: Rays) -> Tensor:
        samples = steps_in_box(rays, low, high, 0.5 * field.voxel, spacing=0.5)
        points = rays.origins[:, None] + rays.directions[:, None] * samples.t[..., None]
        where = ((points - low) / (high - low) * 2 - 1).flip(-1).view(1, 1, 1, -1, 3)

        def at(grid: Tensor) -> Tensor:
            return nn.functional.grid_sample(grid, where, align_corners=True)[0, :, 0, 0].t()

        sigma = nn.functional.softplus(at(density)[:, 0] + field.shift).view(samples.t.shape) * samples.inside
        alpha = 1 - torch.exp(-sigma * 0.5)
        through = torch.cat([torch.ones_like(alpha[:, :1]), torch.cumprod(1 - alpha + 1e-10, 1)[:, :-1]], 1)
        weights = alpha * through
        viewing = rays.viewing[:, None].expand_as(points).reshape(-1, 3)
        colour = torch.sigmoid(field.network(torch.cat([at(features), field.direction(viewing)], -1))).view(points.shape)
        return (weights[..., None] * colour).sum(1) + 1 - weights.sum(1, keepdim=True)

    def step(way, optimizer: torch.optim.Optimizer, rays: Rays, seen: Tensor) -> None:
        optimizer.zero_grad()
        (way(rays) - seen).square().mean().backward()
        optimizer.step()

    rays, seen = _rays(RAYS)
    with torch.no_grad():
        difference = (in_rows(rays) - by_channels(rays)).abs()
        print(f"\ndifference of colours: mean {difference.mean():.1e}, largest {difference.max():.1e}")
        image, _ = _rays(10_000)
        ways = {"grid_sample, every sample": partial(by_channels, image), "rows, mask, threshold": partial(in_rows, image)}
        seconds = alternate(ways, rounds=3)
    show(f"voxel grid, a rendering of 100x100, {SIDE}³ voxels, {threads}", seconds, against="grid_sample, every sample")
    ways = {
        "grid_sample, every sample, Adam": partial(step, by_channels, theirs, rays, seen),
        "rows, mask, threshold, masked Adam": partial(step, in_rows, mine, rays, seen),
    }
    seconds = alternate(ways, rounds=3)
    show(f"voxel grid, a step of {RAYS} rays, {threads}", seconds, against="grid_sample, every sample, Adam")
