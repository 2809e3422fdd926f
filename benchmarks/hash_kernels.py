"""The Triton kernels of the hash-encoded field on a GPU, against the least time that their memory traffic or arithmetic takes.

Floors are those of an H200 for 2^18 samples a step and 16 levels of 2^19 rows of 2 features (or 8 of 4): the table is gathered from
the cache level by level, gradients are added atomically, Adam reads and writes seven numbers for each of twelve million parameters.
Without a GPU nothing is measured.
"""

import torch
from torch import Tensor

from darkroom.layers.hash_encoding import HashEncoding
from darkroom.layers.perceptron import Perceptron
from darkroom.radiance.masked_adam import MaskedAdam

SAMPLES, RAYS = 2**18, 2**13

FLOORS = {"gather": 78.0, "scatter": 150.0, "perceptrons, forward and backward": 20.0, "Adam": 92.0}
"""In microseconds."""


def main() -> None:
    if not torch.cuda.is_available():
        print("\nkernels of the hash grid: there is no GPU")
        return
    for levels, features in ((16, 2), (8, 4)):
        _kernels(HashEncoding(levels, features).initialise(torch.Generator().manual_seed(0)).cuda())


def _kernels(encoding: HashEncoding) -> None:
    from darkroom.radiance.triton_compositing import Composite

    points = torch.rand(SAMPLES, 3, device="cuda")
    features = encoding(points)
    upstream = torch.randn_like(features)
    networks = Perceptron(32, 64, 16, hidden=1).cuda(), Perceptron(32, 64, 3, hidden=2).cuda()
    inputs = torch.randn(SAMPLES, 32, device="cuda", requires_grad=True)
    optimizer = MaskedAdam([encoding.rows], lr=1e-2)
    encoding.rows.grad = torch.randn_like(encoding.rows)
    thickness = torch.rand(SAMPLES, device="cuda", requires_grad=True)
    colours, t = torch.rand(SAMPLES, 3, device="cuda", requires_grad=True), torch.rand(SAMPLES, device="cuda")
    bounds = torch.arange(RAYS + 1, device="cuda") * (SAMPLES // RAYS)

    def perceptrons() -> None:
        with torch.autocast("cuda", torch.bfloat16):
            outputs = [network(inputs) for network in networks]
        torch.autograd.grad(
            sum(output.sum() for output in outputs), [inputs, *networks[0].parameters(), *networks[1].parameters()]
        )

    def composited() -> None:
        torch.autograd.grad(Composite.apply(thickness, colours, t, bounds)[0].sum(), (thickness, colours))

    rows: dict[str, float] = {
        "gather": _microseconds(lambda: encoding(points.detach())),
        "scatter": _microseconds(lambda: torch.autograd.grad(features, encoding.rows, upstream, retain_graph=True)),
        "perceptrons, forward and backward": _microseconds(perceptrons),
        "compositing, forward and backward": _microseconds(composited),
        "Adam": _microseconds(optimizer.step),
    }
    print(
        f"\n{len(encoding.levels)} levels x {encoding.rows.shape[1]} features, {SAMPLES:,} samples, {torch.cuda.get_device_name()}"
    )
    for name, value in rows.items():
        floor = FLOORS.get(name)
        print(f"  {name:40s} {value:9.1f} us" + (f"   {value / floor:5.2f} x its floor of {floor:g} us" if floor else ""))


def _microseconds(run, count: int = 30) -> float:  # type: ignore[no-untyped-def]
    """Median time on the device."""
    for _ in range(5):
        run()
    begins, ends = ([torch.cuda.Event(enable_timing=True) for _ in range(count)] for _ in "ab")
    for begin, end in zip(begins, ends, strict=True):
        begin.record()
        run()
        end.record()
    torch.cuda.synchronize()
    times: Tensor = torch.tensor([begin.elapsed_time(end) for begin, end in zip(begins, ends, strict=True)])
    return 1000 * float(times.median())
