"""NeRF and voxel grids against plain implementations of the same formulas: a training step, and a rendering of 100x100 pixels.

The plain NeRF is the paper's network and sampling in float32, layer by layer. The plain grid has a rectangle of rays and
samples, evaluates density and colour of all of them with `grid_sample`, and is trained by torch's Adam.
"""

from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.side_by_side import alternate, show
from darkroom.layers.trilinear import interpolated
from darkroom.methods.radiance import RenderedField
from darkroom.networks.nerf import NeRF
from darkroom.networks.voxel_field import VoxelField
from darkroom.radiance import tabletop
from darkroom.radiance.cameras import Rays
from darkroom.radiance.masked_adam import MaskedAdam
from darkroom.radiance.occupancy import OccupancyGrid
from darkroom.radiance.rendering import render
from darkroom.radiance.sampling import hierarchical, intersect_box, intervals, march, stratified

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
        rays = rays.subset(torch.randperm(len(rays.origins), generator=torch.Generator().manual_seed(0))[:count])
    return rays, tabletop.trace(rays.origins, rays.directions)[0]


def _nerf(threads: str) -> None:
    coarse, fine = (NeRF().initialise(torch.Generator().manual_seed(seed)) for seed in (0, 1))
    parameters = [*coarse.parameters(), *fine.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=5e-4)

    def ours(rays: Rays, precise: bool) -> tuple[Tensor, Tensor]:
        ends = torch.ones_like(rays.origins[:, 0])
        with torch.autocast("cpu", torch.bfloat16, enabled=not precise):
            t = stratified(2 * ends, 6 * ends, 64, jitter=False)
            first = render(coarse, rays, intervals(t, rays))
            added = hierarchical(t, first.weights.view_as(t), 128, jitter=False)
            both = torch.cat([t, added], 1).sort(1).values
            return first.colour, render(fine, rays, intervals(both, rays)).colour

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

    position = encoded(flat, 10)
    h = position
    for number, layer in enumerate(network.layers):
        h = torch.relu(layer(torch.cat([h, position], -1) if number == network.skip else h))
    sigma = torch.relu(network.sigma(h)).view(t.shape)
    h = torch.relu(network.view(torch.cat([network.features(h), encoded(viewing, 4)], -1)))
    colour = torch.sigmoid(network.rgb(h)).view(points.shape)
    lengths = torch.cat([t.diff(dim=1), torch.full_like(t[:, :1], 1e10)], 1) * rays.directions.norm(dim=1, keepdim=True)
    alpha = 1 - torch.exp(-sigma * lengths)
    through = torch.cat([torch.ones_like(alpha[:, :1]), torch.cumprod(1 - alpha + 1e-10, 1)[:, :-1]], 1)
    weights = alpha * through
    return (weights[..., None] * colour).sum(1) + 1 - weights.sum(1, keepdim=True), weights


LOW, HIGH = torch.tensor([-1.2, -1.2, -0.75]), torch.tensor([1.2, 1.2, 0.6])


def _trained_grid() -> tuple[VoxelField, OccupancyGrid]:
    """A field like a trained one, opaque in the solids of the embedded scene, and its occupancy."""
    field = VoxelField(LOW, HIGH, SIDE**3, base=SIDE**3, features=FEATURES, width=64, opacity=1e-2)
    field.initialise(torch.Generator().manual_seed(0))
    centres = field.centres()
    eye = torch.tensor([0.0, 0.0, 5.0])
    depth = tabletop.trace(eye.expand_as(centres), centres - eye)[2]  # opaque from the surface seen from above downwards
    with torch.no_grad():
        field.density_rows[:, 0] = torch.where(depth <= 1.0, 12.0, -8.0)
        field.feature_rows.normal_(generator=torch.Generator().manual_seed(0))
    occupancy = OccupancyGrid(LOW, HIGH, field.size.tolist())
    occupancy.narrow(field.opacities(), 1e-3)
    return field, occupancy


class _PlainGrid(nn.Module):
    """The same field with channels first, evaluated at every sample of a rectangle of rays and samples."""

    def __init__(self, field: VoxelField) -> None:
        super().__init__()
        shape = field.size.tolist()
        self.density = nn.Parameter(field.density_rows.detach().t().reshape(1, 1, *shape).clone())
        self.features = nn.Parameter(field.feature_rows.detach().t().reshape(1, FEATURES, *shape).clone())
        self.network, self.direction, self.shift = field.network, field.direction, field.shift
        self.step = 0.5 * field.voxel_size

    def forward(self, rays: Rays) -> Tensor:
        enter, leave = intersect_box(rays, LOW, HIGH)
        length = rays.directions.norm(dim=-1)
        count = int(((leave - enter) * length).max() / self.step) + 1
        t = enter[:, None] + torch.arange(count) * (self.step / length)[:, None]
        points = rays.origins[:, None] + rays.directions[:, None] * t[..., None]
        where = ((points - LOW) / (HIGH - LOW) * 2 - 1).flip(-1).view(1, 1, 1, -1, 3)

        def at(grid: Tensor) -> Tensor:
            return nn.functional.grid_sample(grid, where, align_corners=True)[0, :, 0, 0].t()

        sigma = nn.functional.softplus(at(self.density)[:, 0] + self.shift).view(t.shape) * (t < leave[:, None])
        alpha = 1 - torch.exp(-sigma * 0.5)
        transmittance = torch.cat([torch.ones_like(alpha[:, :1]), torch.cumprod(1 - alpha + 1e-10, 1)[:, :-1]], 1)
        weights = alpha * transmittance
        viewing = rays.viewing[:, None].expand_as(points).reshape(-1, 3)
        colour = torch.sigmoid(self.network(torch.cat([at(self.features), self.direction(viewing)], -1))).view(points.shape)
        return (weights[..., None] * colour).sum(1) + 1 - weights.sum(1, keepdim=True)


def _grid(threads: str) -> None:
    field, occupancy = _trained_grid()
    rendered, plain = RenderedField(field), _PlainGrid(field)
    optimizer = MaskedAdam(field.parameter_groups(1e-2), lr=0.1)
    plain_optimizer = torch.optim.Adam(plain.parameters(), lr=1e-3)

    def ours(rays: Rays) -> Tensor:
        enter, leave = intersect_box(rays, LOW, HIGH)
        samples = march(rays, enter, leave, 0.5 * field.voxel_size, spacing=0.5, occupied=occupancy.occupied)
        return rendered(rays, samples, 1.0, 1e-4).colour

    def step(way, optimizer: torch.optim.Optimizer, rays: Rays, target: Tensor) -> None:
        optimizer.zero_grad()
        (way(rays) - target).square().mean().backward()
        optimizer.step()

    rays, target = _rays(RAYS)
    with torch.no_grad():
        difference = (ours(rays) - plain(rays)).abs()
        print(f"\ndifference of colours: mean {difference.mean():.1e}, largest {difference.max():.1e}")
        image, _ = _rays(10_000)
        ways = {"grid_sample, every sample": partial(plain, image), "rows, occupancy, packed": partial(ours, image)}
        seconds = alternate(ways, rounds=3)
    show(f"voxel grid, a rendering of 100x100, {SIDE}³ voxels, {threads}", seconds, against="grid_sample, every sample")
    ways = {
        "grid_sample, every sample, Adam": partial(step, plain, plain_optimizer, rays, target),
        "rows, occupancy, packed, masked Adam": partial(step, ours, optimizer, rays, target),
    }
    seconds = alternate(ways, rounds=3)
    show(f"voxel grid, a step of {RAYS} rays, {threads}", seconds, against="grid_sample, every sample, Adam")
