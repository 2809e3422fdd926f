import os
from pathlib import Path

import torch
import torch.multiprocessing as processes

from darkroom.layers.normalization import BatchNorm2d


def layer() -> BatchNorm2d:
    norm = BatchNorm2d(3)
    torch.nn.init.uniform_(norm.weight, generator=torch.Generator().manual_seed(1))
    return norm


def test_on_one_process_it_equals_torchs():
    ours, theirs = layer(), torch.nn.BatchNorm2d(3)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(4, 3, 5, 6)
    assert torch.equal(ours(x), theirs(x))
    assert torch.equal(ours.running_var, theirs.running_var)
    assert torch.equal(ours.eval()(x), theirs.eval()(x))


def part(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    x, cotangent = torch.load(f"{folder}/x.pt", weights_only=True)
    norm, mine = layer(), x[rank * 2 : rank * 2 + 2].clone().requires_grad_()
    output = norm(mine)
    (output * cotangent[rank * 2 : rank * 2 + 2]).sum().backward()
    torch.save((output.detach(), mine.grad, norm.weight.grad, norm.running_mean, norm.running_var), f"{folder}/{rank}.pt")
    os._exit(0)  # the process group's threads may abort an interpreter that is shutting down


def test_two_processes_compute_what_one_process_does(tmp_path: Path):
    generator = torch.Generator().manual_seed(0)
    x, cotangent = torch.randn(4, 3, 5, 6, generator=generator) * 2 + 1, torch.randn(4, 3, 5, 6, generator=generator)
    torch.save((x, cotangent), tmp_path / "x.pt")
    processes.spawn(part, (str(tmp_path),), nprocs=2)
    parts = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    theirs = torch.nn.BatchNorm2d(3)
    theirs.load_state_dict(layer().state_dict())
    x.requires_grad_()
    output = theirs(x)
    (output * cotangent).sum().backward()
    close = dict(atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(torch.cat([p[0] for p in parts]), output, **close)
    torch.testing.assert_close(torch.cat([p[1] for p in parts]), x.grad, **close)
    torch.testing.assert_close(parts[0][2] + parts[1][2], theirs.weight.grad, **close)
    for p in parts:
        torch.testing.assert_close(p[3], theirs.running_mean, **close)
        torch.testing.assert_close(p[4], theirs.running_var, **close)
