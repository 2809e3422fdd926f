"""Every Triton kernel against the reference in PyTorch, forward and backward: on a GPU, or on the CPU where Triton interprets.

`test_kernels` runs these in a process of their own. What is not written holds NaN, as memory is filled where algorithms are
deterministic.
"""

import pytest
import torch
from torch import Tensor

from darkroom.data.streams import batches
from darkroom.layers import kernels
from darkroom.layers.contraction import Domain
from darkroom.layers.hash_encoding import HashEncoding, _Encoding
from darkroom.layers.perceptron import Perceptron
from darkroom.layers.triton_hash import TritonEncoding
from darkroom.methods.instant_ngp import InstantNGP
from darkroom.radiance import tabletop
from darkroom.radiance.buffers import bounds_of
from darkroom.radiance.cameras import Rays
from darkroom.radiance.masked_adam import MaskedAdam
from darkroom.radiance.occupancy import OccupancyGrid
from darkroom.radiance.rays import RayBatch
from darkroom.radiance.rendering import _sum, rendering_weights
from darkroom.radiance.sampling import intersect_box, march
from darkroom.radiance.triton_compositing import Composite
from darkroom.radiance.triton_marching import march_into
from darkroom.recipes import lookup

PLACE = torch.device("cpu" if kernels.INTERPRETED else "cuda")


@pytest.fixture(autouse=True)
def poisoned():
    torch.use_deterministic_algorithms(True, warn_only=True)
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch):
    """Switches kernels off."""
    return lambda: monkeypatch.setattr(kernels, "usable", lambda *tensors: False)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(PLACE)


def uniform(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)).to(PLACE)


def with_gradients(outputs: tuple[Tensor, ...], inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The outputs, and the gradients to the inputs of a random combination of them."""
    total = sum((output * drawn(*output.shape, seed=number)).sum() for number, output in enumerate(outputs))
    return *outputs, *torch.autograd.grad(total, inputs)


def assert_same(found: tuple[Tensor, ...], expected: tuple[Tensor, ...], tolerance: float = 1e-5) -> None:
    for mine, theirs in zip(found, expected, strict=True):
        largest = float(theirs.detach().abs().amax()) if theirs.numel() else 0.0
        torch.testing.assert_close(mine, theirs, atol=tolerance * max(1.0, largest), rtol=tolerance)


@pytest.mark.parametrize(("features", "smoothstep", "count"), [(2, True, 256), (4, False, 9), (8, False, 1), (2, False, 0)])
def test_hash_encoding(features: int, smoothstep: bool, count: int):
    encoding = HashEncoding(3, features, 8, 4, 40).to(PLACE)
    points = torch.cat([uniform(count, 3), torch.ones(min(count, 1), 3, device=PLACE)])
    rows = drawn(*encoding.rows.shape).requires_grad_()
    found, expected = (
        with_gradients((way.apply(rows, points, encoding.levels, smoothstep),), (rows,)) for way in (TritonEncoding, _Encoding)
    )
    assert_same(found, expected)


@pytest.mark.parametrize(
    ("inputs", "width", "outputs", "hidden", "count"), [(32, 64, 16, 1, 128), (16, 32, 3, 2, 129), (16, 16, 5, 2, 1)]
)
def test_perceptron(inputs: int, width: int, outputs: int, hidden: int, count: int, reference):
    network, x = Perceptron(inputs, width, outputs, hidden).to(PLACE), drawn(count, inputs).requires_grad_()
    found = with_gradients((network(x),), (x, *network.parameters()))
    reference()
    assert_same(found, with_gradients((network(x),), (x, *network.parameters())))


def test_perceptron_in_half_precision(reference):
    """Weights and inputs are small multiples of 1/4, which half precision holds exactly: no unit of ReLU changes sides by rounding.

    Triton's interpreter has no products in bfloat16.
    """
    dtype = torch.float16 if kernels.INTERPRETED else torch.bfloat16
    network, x = Perceptron(32, 64, 16, 1).to(PLACE), (drawn(64, 32).clamp(-1, 1) * 4).round().div(4).requires_grad_()
    with torch.no_grad():
        for seed, weight in enumerate(network.parameters()):
            weight.copy_((drawn(*weight.shape, seed=seed + 1).clamp(-1, 1) * 4).round() / 4)
    with torch.autocast(PLACE.type, dtype):
        found = with_gradients((network(x),), (x, *network.parameters()))
    assert found[0].dtype == torch.float32
    reference()
    assert_same(found, with_gradients((network(x),), (x, *network.parameters())), tolerance=2e-2)


def test_compositing():
    """Rays without samples, with more than fit a block, opaque ones, and samples that stand for nothing."""
    counts = torch.tensor([0, 5, 40, 0, 1, 70, 3, 0], device=PLACE)
    count, ray = int(counts.sum()), torch.arange(len(counts), device=PLACE).repeat_interleave(counts)
    thickness = 2 * uniform(count) ** 4
    thickness[10], thickness[60] = 100.0, 0.0
    thickness, colours, t = thickness.requires_grad_(), uniform(count, 3, seed=1).requires_grad_(), uniform(count, seed=2)
    colour, opacity, depth, weights = Composite.apply(thickness, colours, t, bounds_of(counts.cumsum(0), count)[0])
    found = with_gradients((colour, opacity, depth), (thickness, colours))
    expected = rendering_weights(thickness, ray, len(counts))
    assert_same((weights,), (expected.detach(),))
    sums = tuple(_sum(part, ray, len(counts)) for part in (expected[:, None] * colours, expected, expected * t))
    assert_same(found, with_gradients(sums, (thickness, colours)))


@pytest.mark.parametrize(("unbounded", "cone"), [(False, 0.0), (False, 0.08), (True, 0.2)])
def test_marching(unbounded: bool, cone: float):
    origins = 2 * drawn(20, 3)
    directions = 0.7 * drawn(20, 3, seed=1) - origins
    directions[0, 1] = 0.0
    rays = Rays(origins, directions, torch.nn.functional.normalize(directions, dim=1))
    domain = Domain(torch.tensor([-1.0, -0.8, -1.2]), torch.tensor([1.0, 1.0, 0.7]), unbounded=unbounded).to(PLACE)
    occupancy = OccupancyGrid(torch.zeros(3), torch.ones(3), (12, 9, 10)).to(PLACE)
    occupancy.mask = uniform(12, 9, 10, seed=2) < 0.3
    ends = torch.full_like(origins[:, 0], 0.3), torch.full_like(origins[:, 0], 20.0)
    enter, leave = ends if unbounded else intersect_box(rays, domain.low, domain.high)
    same = dict(cone=cone, offset=uniform(20, seed=3), spacing=0.3)
    expected = march(rays, enter, leave, 0.2, occupied=lambda points: occupancy.occupied(domain.unit(points)), **same)
    count = len(expected.t)
    for capacity in (None, count // 2):
        found = march_into(rays, enter, leave, 0.2, capacity=capacity, domain=domain, mask=occupancy.mask, **same)
        kept = expected.rays_within(count if capacity is None else capacity)
        written = int((expected.ray < kept).sum())
        assert int(found.wanted) == count
        assert int(found.kept.sum()) == kept
        assert torch.equal(found.samples.ray[:written], expected.ray[:written])
        assert_same(
            (found.samples.t[:written], found.samples.spacing[:written]), (expected.t[:written], expected.spacing[:written])
        )
        assert not found.samples.spacing[written:].any()
        assert bool((found.samples.ray[written:] == 19).all())
        assert torch.equal(found.bounds[:kept], expected.first()[:kept].to(found.bounds))
        assert bool((found.bounds[kept:] == written).all())


def test_adam(reference):
    def trained() -> list[Tensor]:
        table, weights = (torch.nn.Parameter(drawn(*shape)) for shape in ((600, 4), (16, 32)))
        optimizer = MaskedAdam([{"params": [table]}, {"params": [weights], "weight_decay": 1e-2}], lr=0.1)
        for step in range(3):
            table.grad = drawn(600, 4, seed=step) * (uniform(600, 1, seed=step) < 0.3)
            weights.grad = drawn(16, 32, seed=step)
            optimizer.step()
        return [table.detach(), weights.detach()]

    found = trained()
    reference()
    assert_same(tuple(found), tuple(trained()))


def small(scene: str) -> tuple[InstantNGP, RayBatch]:
    """A method with random features and occupancy, and some rays."""
    size = dict(
        levels=2, log2_rows=8, features=8, finest=32, width=16, ray_steps=16, cells=8, samples_per_step=300, batch_size=256
    )
    run = lookup.build("instant_ngp", {**lookup.row("instant_ngp", "laptop"), **size, "scene": scene})
    run.stream.open()
    run.prepare()
    method = run.method.to(PLACE)
    torch.nn.init.normal_(method.tables.encoding.rows, generator=torch.Generator().manual_seed(0))
    method.occupancy.mask.copy_(uniform(8, 8, 8) < 0.4)
    (pixels,) = batches(run.stream, 0, 1)
    batch, some = run.stream.on_device(type(pixels)(*(part.to(PLACE) for part in pixels))), slice(9)
    return method, RayBatch(batch.rays.subset(some), batch.target[some], batch.background[some])


def test_a_step_in_fixed_buffers_is_the_reference_step(tmp_path, reference):
    """The same loss and gradients, of the first eight of nine rays; and the same view."""
    tabletop.write(tmp_path / "scene", views=3, size=12, held_out=1)
    method, batch = small(str(tmp_path / "scene"))
    offset, parameters = uniform(9, seed=4), tuple(method.parameters())
    method.budget._rays = 8
    found = with_gradients((method._fixed_loss(batch, offset, 0),), parameters)
    camera = tabletop.cameras(1, 3)[0]
    view = method.eval().view(camera)
    reference()
    assert_same(found, with_gradients((method._loss(batch, offset, 0),), parameters))
    assert_same(view, method.view(camera))
