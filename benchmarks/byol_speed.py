"""BYOL against lightly: views of an image, a training step on the same network, and memory.

lightly's step is that of its own example: its heads, its loss, its moving average, a deep copy as the target network; gradient
and optimizer are the same. Needs `pip install lightly`.
"""

import copy
import multiprocessing
import resource
import sys
from collections.abc import Callable
from typing import Any

import torch
from lightning_fabric import Fabric
from PIL import Image
from torch import nn

from benchmarks.side_by_side import alternate, show
from darkroom.core.method import Example
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.data.streams import batches
from darkroom.data.view_streams import ViewPairs
from darkroom.data.views import View
from darkroom.engine.devices import choose_device
from darkroom.engine.mixed_precision import MixedPrecision
from darkroom.engine.optimization import sgd
from darkroom.engine.precision import has_fast_bf16
from darkroom.layers.projection_head import ProjectionHead
from darkroom.methods.byol import BYOL
from darkroom.networks.encoder import Encoder
from darkroom.networks.resnet import ResNet

SIZE, BATCHES = 128, 8
HIDDEN, PROJECTION = 4096, 256


def main() -> None:
    augmentation()
    workers()
    for depth, size, batch_size in ((18, 64, 16), (50, SIZE, 4)):
        step(depth, size, batch_size)
        memory(depth, size, batch_size)


def augmentation() -> None:
    """Two views of each of eight photographs, in one process."""
    from lightly.transforms import BYOLTransform, BYOLView1Transform, BYOLView2Transform

    photographs = [*embedded("train"), *embedded("heldout")]
    theirs = BYOLTransform(BYOLView1Transform(input_size=SIZE), BYOLView2Transform(input_size=SIZE))
    pillow = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in photographs]
    stream = _stream()
    stream.open()
    candidates: dict[str, Callable[[], object]] = {
        "lightly's BYOLTransform": lambda: [theirs(image) for image in pillow],
        "ours": lambda: [stream.sample(0, index) for index in range(len(photographs))],
    }
    times = {name: seconds / len(photographs) for name, seconds in alternate(candidates, rounds=15).items()}
    show(f"two views of {SIZE} pixels, a pair", times, against="lightly's BYOLTransform")


def workers() -> None:
    """Batches of 64 pairs from two workers, their start included."""
    from lightly.transforms import BYOLTransform, BYOLView1Transform, BYOLView2Transform
    from torch.utils.data import DataLoader, Dataset

    theirs = BYOLTransform(BYOLView1Transform(input_size=SIZE), BYOLView2Transform(input_size=SIZE))
    images = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in embedded("train")]

    class Pairs(Dataset):
        def __len__(self) -> int:
            return 64 * BATCHES

        def __getitem__(self, index: int) -> object:
            return theirs(images[index % len(images)])

    stream = _stream()
    stream.open()
    candidates: dict[str, Callable[[], object]] = {
        "lightly's BYOLTransform": lambda: list(DataLoader(Pairs(), 64, num_workers=2)),
        "ours": lambda: list(batches(stream, 0, BATCHES, workers=2)),
    }
    times = {name: seconds / (64 * BATCHES) for name, seconds in alternate(candidates, rounds=5).items()}
    show("the same from two workers, a pair", times, against="lightly's BYOLTransform")


def step(depth: int, size: int, batch_size: int) -> None:
    """Forward passes of online and target network, backward pass, optimizer, moving average."""
    device = choose_device("auto")
    images = torch.rand(2, batch_size, 3, size, size, device=device)
    candidates = {"lightly's modules": _lightly(depth, *images), "ours": _ours(depth, *images)}
    if has_fast_bf16(device):
        candidates["ours in the precision of `darkroom train`"] = _ours(depth, *images, precision="bf16-mixed")
    show(f"step, ResNet-{depth}, {batch_size} images of {size}", alternate(candidates, rounds=9), against="lightly's modules")


def memory(depth: int, size: int, batch_size: int) -> None:
    """Most memory of a process that takes three steps, in float32."""
    shape, peaks = (depth, size, batch_size), []
    for make in (_lightly, _ours):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            peaks.append(pool.apply(_peak_of_steps, (make, *shape)))
    theirs, ours = peaks
    print(f"  most memory: lightly's modules {theirs:.0f} MiB, ours {ours:.0f} MiB, {ours / theirs:.2f} x")


def _peak_of_steps(make: Callable[..., Callable[[], object]], depth: int, size: int, batch_size: int) -> float:
    torch.set_num_threads(1)
    run = make(depth, *torch.rand(2, batch_size, 3, size, size, device=choose_device("auto")))
    for _ in range(3):
        run()
    return _peak()


def _stream() -> ViewPairs:
    return ViewPairs(embedded("train"), View(blur=1.0), View(blur=0.1, solarise=0.2), image_size=SIZE, batch_size=64, seed=0)


def _encoder(depth: int) -> Encoder:
    backbone = ResNet(depth)  # type: ignore[arg-type]
    projector, predictor = (
        ProjectionHead((backbone.features, HIDDEN, PROJECTION)),
        ProjectionHead((PROJECTION, HIDDEN, PROJECTION)),
    )
    return Encoder(backbone, projector, predictor).initialise(generator(0, "weights"))


def _ours(depth: int, first: torch.Tensor, second: torch.Tensor, precision: Any = "32-true") -> Callable[[], object]:
    """What `fit` does in a step."""
    method, optimization = BYOL(_encoder(depth), tau=0.996, steps=1000).to(first.device).train(), sgd(0.05, weight_decay=1e-4)
    method.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    mixed = MixedPrecision(Fabric(devices=1, precision=precision))
    for network in (method.network, *method.frozen_networks()):
        mixed.attach(network)
    optimizer = optimization.build(method.network)
    batch = Example(*(views.contiguous(memory_format=torch.channels_last) for views in (first, second)))

    def run() -> None:
        ((_, loss),) = method.losses(batch, 0)
        optimizer.zero_grad()
        loss.backward(inputs=list(method.network.parameters()))
        optimizer.step()
        method.after_step(0)
        loss.item()

    return run


def _lightly(depth: int, first: torch.Tensor, second: torch.Tensor) -> Callable[[], object]:
    """The step of lightly's example for BYOL, on the same backbone."""
    from lightly.loss import NegativeCosineSimilarity
    from lightly.models.modules import BYOLPredictionHead, BYOLProjectionHead
    from lightly.models.utils import deactivate_requires_grad, update_momentum

    backbone = _encoder(depth).backbone.to(first.device)
    projector = BYOLProjectionHead(backbone.features, HIDDEN, PROJECTION).to(first.device)
    predictor = BYOLPredictionHead(PROJECTION, HIDDEN, PROJECTION).to(first.device)
    target_backbone, target_projector = copy.deepcopy(backbone), copy.deepcopy(projector)
    deactivate_requires_grad(target_backbone)
    deactivate_requires_grad(target_projector)
    criterion = NegativeCosineSimilarity()
    modules = nn.ModuleList([backbone, projector, predictor])
    optimizer = torch.optim.SGD(modules.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)

    def run() -> None:
        update_momentum(backbone, target_backbone, m=0.996)
        update_momentum(projector, target_projector, m=0.996)
        p, other_p = (predictor(projector(backbone(views).flatten(start_dim=1))) for views in (first, second))
        z, other_z = (target_projector(target_backbone(views).flatten(start_dim=1)).detach() for views in (first, second))
        loss = 0.5 * (criterion(p, other_z) + criterion(other_p, z))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        loss.item()

    return run


def _peak() -> float:
    """Most memory that this process has had, in MiB; of the device where there is one."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    main()
