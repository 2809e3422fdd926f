"""Several processes that share a job, as torchrun starts them."""

import multiprocessing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from darkroom.networks.dncnn import DnCNN


def exit_codes(work: Callable[..., None], arguments: Sequence[tuple[Any, ...]]) -> list[int | None]:
    """Run `work` in one process for each tuple of arguments, all at the same time, and wait for them."""
    context = multiprocessing.get_context("fork")
    started = [context.Process(target=work, args=given) for given in arguments]
    for process in started:
        process.start()
    for process in started:
        process.join(120)
    return [process.exitcode for process in started]


def save_foreign_dncnn(path: Path) -> None:
    """The weights of a small DnCNN as another program saves them."""
    network = DnCNN(3, 4, 3, batch_norm=False)
    torch.save({f"model.{name.removeprefix('layers.')}": tensor for name, tensor in network.state_dict().items()}, path)
