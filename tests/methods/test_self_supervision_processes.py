"""Self-supervision on two processes: batch statistics and negatives are those of the whole batch."""

import os
from pathlib import Path

import torch
import torch.multiprocessing as processes

from darkroom.core.method import Example
from darkroom.core.randomness import generator
from darkroom.engine.processes import average_gradients
from darkroom.layers.projection_head import ProjectionHead
from darkroom.methods.byol import BYOL
from darkroom.methods.self_supervision import SelfSupervision
from darkroom.methods.simclr import SimCLR
from darkroom.networks.encoder import Encoder
from darkroom.networks.resnet import ResNet


def methods() -> list[SelfSupervision]:
    def encoder() -> Encoder:
        network = Encoder(ResNet(10, width=4, stem="small"), ProjectionHead((32, 16, 8)), ProjectionHead((8, 16, 8)))
        return network.initialise(generator(0, "weights"))

    return [BYOL(encoder(), tau=0.9, steps=4).train(), SimCLR(encoder(), temperature=0.5).train()]


def gradients(batch: Example, rank: int) -> list[list[torch.Tensor]]:
    found = []
    for method in methods():
        part = [view.chunk(2)[rank] if rank >= 0 else view for view in batch[:2]]
        ((_, loss),) = method.losses(Example(*part), 0)
        loss.backward()
        parameters = [parameter for parameter in method.network.parameters() if parameter.grad is not None]
        if rank >= 0:
            average_gradients(parameters)
        found.append([parameter.grad for parameter in parameters])
    return found


def process(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    batch = Example(*torch.load(f"{folder}/batch.pt", weights_only=True))
    torch.save(gradients(batch, rank), f"{folder}/{rank}.pt")
    os._exit(0)  # the process group's threads may abort an interpreter that is shutting down


def test_two_processes_have_the_gradient_of_one(tmp_path: Path):
    batch = Example(torch.rand(8, 3, 16, 16), torch.rand(8, 3, 16, 16))
    torch.save(list(batch[:2]), tmp_path / "batch.pt")
    processes.spawn(process, (str(tmp_path),), nprocs=2)
    for rank in range(2):
        for mine, whole in zip(torch.load(tmp_path / f"{rank}.pt", weights_only=True), gradients(batch, -1), strict=True):
            for gradient, expected in zip(mine, whole, strict=True):
                torch.testing.assert_close(gradient, expected, atol=1e-5, rtol=1e-3)
