"""A limit on the memory that may be taken while something is built, for sizes that come from a file."""

import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from darkroom.core.errors import DarkroomError

_TIMES, _BYTES = 8, 256 << 20
"""Memory that building may take: so many times the file, and so many bytes more."""

_TENSORS, _BYTES_A_TENSOR = 2000, 64
"""Tensors that may exist at a time: so many, and one more for every so many bytes of the file; its name alone takes as many."""

_FACTORIES = frozenset(
    (
        *(torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.randint, torch.randperm, torch.eye),
        *(torch.arange, torch.linspace, torch.logspace, torch.empty_strided),
        *(Tensor.new_empty, Tensor.new_zeros, Tensor.new_ones, Tensor.new_full, Tensor.new_empty_strided),
    )
)
"""Functions that are given the size of a new tensor; they are tried without memory first, on the meta device."""


@contextmanager
def limited_by(path: Path) -> Iterator[None]:
    """Refuse to create tensors that are out of proportion to a file, before their memory is taken.

    A network is built of sizes that its file states, and a damaged or malicious file may state any. The tensors that are created
    inside the block may take 8 times the file's size at any time, and 256 MiB more: weights may be stored in half precision or
    less, and there are index tables and temporary tensors. Their number is limited likewise.

    Args:
        path: the file, or a folder: then nothing is limited.

    Raises:
        DarkroomError: (inside the block) more is asked for.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile() as file, limited_by(Path(file.name)):
        ...     layer = torch.nn.Linear(10**9, 10**9)
        Traceback (most recent call last):
        darkroom.core.errors.DarkroomError: ... of 0 kB describes a network of more than 4,000,000,000,... MB: ...
    """
    if not path.is_file():
        yield
        return
    with _Limit(path):
        yield


class _Limit(TorchFunctionMode):
    """Sums the memory of the tensors that are created inside it and still exist, and refuses what exceeds a limit."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.size = path, path.stat().st_size
        self.bytes = 0
        self.alive: set[int] = set()

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if function in _FACTORIES:
            without_memory = {name: value for name, value in kwargs.items() if name not in ("generator", "pin_memory", "out")}
            self._require(function(*args, **{**without_memory, "device": "meta"}).nbytes)
        output = function(*args, **kwargs)
        for tensor in _tensors((output,)):
            storage = tensor.untyped_storage()
            key, size = storage._cdata, storage.nbytes()
            if key not in self.alive:
                self.alive.add(key)
                self.bytes += size
                weakref.finalize(storage, self._freed, key, size)
        self._require(0)
        return output

    def _freed(self, key: int, size: int) -> None:
        self.alive.discard(key)
        self.bytes -= size

    def _require(self, more: int) -> None:
        exceeded = ""
        if self.bytes + more > _TIMES * self.size + _BYTES:
            exceeded = f"{(self.bytes + more) / 1e6:,.0f} MB"
        elif len(self.alive) > _TENSORS + self.size // _BYTES_A_TENSOR:
            exceeded = f"{len(self.alive) - 1:,} tensors"
        if exceeded:
            raise DarkroomError(
                f"{self.path} of {self.size / 1e3:,.0f} kB describes a network of more than {exceeded}: it is damaged, or not what "
                "it says"
            )


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            if value.layout == torch.strided:
                yield value
        elif isinstance(value, tuple | list):
            yield from _tensors(value)
