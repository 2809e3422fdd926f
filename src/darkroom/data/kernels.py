"""Blur kernels: from files, the published ones by name, and random motion."""

import io
import math
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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

LARGEST = 256_000_000
"""Bytes of a file of kernels, and of what it unpacks to."""


@dataclass(frozen=True)
class Blurs:
    """The degradations of an evaluation that blurs every image with each kernel of a set.

    Called with the name of an image, which does not matter; the kernels are read at the first call.

    Args:
        kernels: name of the set, see `named_kernels`.
        sigma, boundary, quantised: see `operators.blur.BlurredPair`.

    Example:
        >>> blurs = Blurs("levin", 2.55, "valid", quantised=True)
        >>> str(blurs)
        'each of the kernels of levin; valid blur; Gaussian noise of 2.55, clipped and rounded to 8 bits'
    """

    kernels: str
    sigma: float
    boundary: Boundary
    quantised: bool

    def __call__(self, name: str) -> Sequence[Degradation]:
        """One degradation for each kernel.

        Raises:
            DarkroomError: the kernels are missing or broken.
        """
        found = named_kernels(self.kernels).values()
        return [BlurredPair(kernel, self.sigma, self.boundary, self.quantised) for kernel in found]

    def __str__(self) -> str:
        rounded = ", clipped and rounded to 8 bits" if self.quantised else ""
        noise = f"Gaussian noise of {self.sigma:g}{rounded}"
        return f"each of the kernels of {Path(self.kernels).name}; {self.boundary} blur; {noise}"


def named_kernels(name: str) -> dict[str, Kernel]:
    """Kernels by name: "levin" (Levin et al. 2009), "motion" (two random ones), or those of a file.

    Raises:
        DarkroomError: they are missing or broken.
    """
    known = {"levin": levin, "motion": motion_kernels}
    return known[name]() if name in known else read_kernels(Path(name))


def levin() -> dict[str, Kernel]:
    """The eight kernels of Levin, Weiss, Durand, Freeman (2009), below the data root.

    Raises:
        DarkroomError: they are not there.
    """
    path = data_root() / "kernels" / "levin09_kernels.npz"
    if not path.is_file():
        raise DarkroomError(
            f"the kernels of Levin et al. 2009 are not at {path}: put them there, or point DARKROOM_DATA at their folder"
        )
    return read_kernels(path)


def motion_kernels(count: int = 2, side: int = 13, seed: int = 0) -> dict[str, Kernel]:
    """Kernels of random camera motion: histograms of a path whose velocity is a random walk.

    Args:
        count: number of kernels.
        side: of each, odd.
        seed: kernel n depends on it and on n.

    Example:
        >>> {name: tuple(kernel.shape) for name, kernel in motion_kernels().items()}
        {'motion1': (13, 13), 'motion2': (13, 13)}
    """
    found = {}
    for number in range(count):
        path = torch.randn(2, 400, generator=generator(seed, "kernel", number), dtype=torch.float64).cumsum(1).cumsum(1)
        path = path - path.mean(1, keepdim=True)
        place = ((path / path.abs().max() + 1) / 2 * (side - 1)).round().long()
        histogram = torch.bincount(place[0] * side + place[1], minlength=side**2).view(side, side)
        found[f"motion{number + 1}"] = normalised(histogram.float())
    return found


def read_kernels(path: Path) -> dict[str, Kernel]:
    """Every kernel of a file by name, divided by its sum.

    `.npz` holds several; `.npy` one table; `.txt` and `.csv` one table of numbers; an image is one kernel, zero where it is
    black. Nothing in a file is executed.

    Raises:
        DarkroomError: the file is missing or broken, or a table in it is no blur kernel.
    """
    if not path.is_file():
        raise DarkroomError(f"no kernel file at {path}")
    if path.stat().st_size > LARGEST:
        raise DarkroomError(f"{path} has {path.stat().st_size / 1e6:.0f} MB; a file of kernels has at most {LARGEST / 1e6:.0f}")
    with about(path):
        try:
            tables = _tables(path)
        except DarkroomError:
            raise
        except Exception as error:  # broken files raise every kind of exception
            raise DarkroomError(f"cannot be read as a table of numbers ({(str(error).splitlines() or [''])[0]})") from error
        return {name: normalised(torch.from_numpy(np.array(table, dtype=np.float32))) for name, table in tables.items()}


def read_kernel(given: str) -> Kernel:
    """One kernel: FILE, or FILE:NAME where the file holds several.

    Raises:
        DarkroomError: there is no such kernel, or the file holds several and no name is given.
    """
    path, _, name = given.rpartition(":") if not Path(given).exists() and ":" in given else (given, "", "")
    found = read_kernels(Path(path))
    if not name and len(found) == 1:
        return next(iter(found.values()))
    if name not in found:
        problem = f"no kernel {name!r}" if name else f"{len(found)} kernels"
        raise DarkroomError(
            f"{path} has {problem}: choose one of {', '.join(found)}, for example --kernel {path}:{next(iter(found))}"
        )
    return found[name]


def _tables(path: Path) -> dict[str, Any]:
    readers: dict[str, Callable[[Path], dict[str, Any]]] = {
        ".npz": _npz,
        ".npy": lambda file: {"kernel": _array(file.read_bytes())},
        ".txt": lambda file: {"kernel": np.loadtxt(file, ndmin=2)},
        ".csv": lambda file: {"kernel": np.loadtxt(file, ndmin=2, delimiter=",")},
    }
    ending = path.suffix.lower()
    if ending in readers:
        return readers[ending](path)
    if ending in images.READABLE:
        return {"kernel": images.read(path).pixels.mean(0).numpy()}
    raise DarkroomError(f"{ending or 'no ending'!r} is none of {', '.join(readers)} or an image")


def _npz(file: Path) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(file) as archive:
        size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST:
            raise DarkroomError(f"it would unpack to {size / 1e6:.0f} MB; kernels have at most {LARGEST / 1e6:.0f}")
        return {name.removesuffix(".npy"): _array(archive.read(name)) for name in archive.namelist()}


def _array(content: bytes) -> np.ndarray:
    """The array of a `.npy` file, whose header has to agree with its size before memory is taken."""
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = header(file)
    held = len(content) - file.tell()
    if dtype.hasobject:
        raise DarkroomError("cannot be read as a table of numbers (it holds pickled objects)")
    if math.prod(shape) * dtype.itemsize != held:
        raise DarkroomError(f"damaged: {held} bytes are no {dtype} array of shape {shape}")
    return np.frombuffer(content, dtype, offset=file.tell()).reshape(shape, order="F" if by_columns else "C")
