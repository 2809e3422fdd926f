"""Blur kernels from files: several by name, or one."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from darkroom.core import images
from darkroom.core.errors import DarkroomError, about
from darkroom.core.paths import data_root
from darkroom.core.randomness import generator
from darkroom.data.streams import Degradation
from darkroom.operators.blur import BlurredPair, Boundary, Kernel, normalised


def kernels(path: Path) -> dict[str, Kernel]:
    """Every kernel of a file, by name, each normalised.

    `.npz` holds several; `.npy` one table; `.txt` and `.csv` one table of numbers; an image is one kernel, black where it
    is zero. Nothing in a file is executed.

    Raises:
        DarkroomError: the file is missing or broken, or holds what is no blur kernel.
    """
    if not path.is_file():
        raise DarkroomError(f"no kernel file at {path}")
    with about(path):
        try:
            tables = _tables(path)
        except DarkroomError:
            raise
        except Exception as error:  # rubbish makes the readers fail in every way there is
            raise DarkroomError(f"cannot be read as a table of numbers ({(str(error).splitlines() or [''])[0]})") from error
        return {name: normalised(torch.from_numpy(np.array(table, dtype=np.float32))) for name, table in tables.items()}


def kernel(given: str) -> Kernel:
    """One kernel: FILE, or FILE:NAME where the file holds several.

    Raises:
        DarkroomError: there is no such kernel, or more than one to choose from.
    """
    path, _, name = given.rpartition(":") if not Path(given).exists() and ":" in given else (given, "", "")
    found = kernels(Path(path))
    if not name and len(found) == 1:
        return next(iter(found.values()))
    if name not in found:
        said = f"no kernel {name!r}" if name else f"{len(found)} kernels"
        raise DarkroomError(
            f"{path} has {said}: choose one of {', '.join(found)}, for example --kernel {path}:{next(iter(found))}"
        )
    return found[name]


def levin() -> dict[str, Kernel]:
    """The eight kernels of Levin et al. 2009, below the data root.

    Raises:
        DarkroomError: they are not there.
    """
    path = data_root() / "kernels" / "levin09_kernels.npz"
    if not path.is_file():
        raise DarkroomError(
            f"the kernels of Levin et al. 2009 are not at {path}: put them there, or point DARKROOM_DATA at their folder"
        )
    return kernels(path)


def _tables(path: Path) -> dict[str, Any]:
    readers: dict[str, Callable[[Path], dict[str, Any]]] = {
        ".npz": _npz,
        ".npy": lambda file: {"kernel": np.load(file, allow_pickle=False)},
        ".txt": lambda file: {"kernel": np.loadtxt(file, ndmin=2)},
        ".csv": lambda file: {"kernel": np.loadtxt(file, ndmin=2, delimiter=",")},
    }
    ending = path.suffix.lower()
    if ending in readers:
        return readers[ending](path)
    if ending in images.READABLE:
        return {"kernel": images.read(path).pixels.mean(0).numpy()}
    raise DarkroomError(f"{ending or 'no ending'!r} is none of {', '.join(readers)} or an image")


def _npz(file: Path) -> dict[str, Any]:
    with np.load(file, allow_pickle=False) as content:
        return {name: content[name] for name in content.files}


def drawn(count: int = 2, side: int = 13, seed: int = 0) -> dict[str, Kernel]:
    """Kernels of an unsteady hand, drawn here: a path whose velocity wanders, with the time it spent everywhere.

    Args:
        count: how many.
        side: of each, odd.
        seed: kernel n depends on it and on n alone.
    """
    found = {}
    for number in range(count):
        steps = torch.randn(2, 400, generator=generator(seed, "kernel", number), dtype=torch.float64).cumsum(1).cumsum(1)
        path = steps - steps.mean(1, keepdim=True)
        place = ((path / path.abs().max() + 1) / 2 * (side - 1)).round().long()
        found[f"drawn{number + 1}"] = normalised(
            torch.bincount(place[0] * side + place[1], minlength=side**2).view(side, side).float()
        )
    return found


class Blurs:
    """One blur for every kernel of a set, which is read at first use.

    Args:
        find: the kernels by name.
        sigma, boundary, quantised: see `BlurredPair`.
    """

    def __init__(self, find: Callable[[], Mapping[str, Kernel]], sigma: float, boundary: Boundary, quantised: bool) -> None:
        self.find, self.sigma, self.boundary, self.quantised = find, sigma, boundary, quantised

    def ways(self) -> Sequence[Degradation]:
        return [BlurredPair(kernel, self.sigma, self.boundary, self.quantised) for kernel in self.find().values()]

    def __str__(self) -> str:
        return "; ".join(map(str, self.ways()))
