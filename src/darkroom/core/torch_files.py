"""Tensors of `.pth` files, as `torch.save` writes them; reading executes nothing."""

import pickle
import re
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.weights import require_finite

WRAPPERS = (
    *("params_ema", "model_ema", "ema_state_dict", "state_dict_ema", "ema", "params"),
    *("state_dict", "model_state_dict", "model_state", "model", "net", "network", "net_g", "netG", "generator", "G"),
    *("weights", "module"),
)
"""Names of entries that hold a network's tensors, averaged weights and generators first."""

_NESTED = 4
"""Dictionaries in dictionaries that are looked into."""

_PREFIXES = ("module.", "_orig_mod.")
"""Before all names, where a network was saved inside `DataParallel` or a compiled module."""

_MAGIC = {
    b"MATLAB": "a MATLAB file",
    b"\x89HDF": "an HDF5 file, of Keras or MATLAB",
    b"GGUF": "a GGUF file",
}
"""First bytes of files of other programs."""

_TIMES, _BYTES = 2, 1 << 20
"""Size of unpacked content and of tensors: at most so many times the file's, and so many bytes more."""


def load(path: Path) -> dict[str, Tensor]:
    """Read a network's tensors without executing anything in the file.

    Dictionaries around the tensors are removed: an entry of `WRAPPERS`, or the only one that holds tensors, also where they are
    nested; and so are `module.` and `_orig_mod.` before every name.

    Raises:
        DarkroomError: the file is missing, damaged, or of another program; it contains code, no tensors, or those of several
            networks; it would take more memory than its size allows; or a weight is not finite.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     torch.save({"state_dict": {"module.weight": torch.ones(2)}, "epoch": 3}, Path(folder) / "w.pth")
        ...     load(Path(folder) / "w.pth")
        {'weight': tensor([1., 1.])}
    """
    _require_of_torch(path)
    state = _unwrapped(path, _unpickled(path))
    _require_proportionate(path, state)
    require_finite(path, state)
    return without_prefixes(state, _PREFIXES)


def without_prefixes(state: Mapping[str, Tensor], prefixes: tuple[str, ...]) -> dict[str, Tensor]:
    """Remove prefixes that stand before every name, in any number and order.

    Example:
        >>> list(without_prefixes({"module.net.a": torch.zeros(1), "module.net.b": torch.zeros(1)}, ("net.", "module.")))
        ['a', 'b']
    """
    while (prefix := next((prefix for prefix in prefixes if all(name.startswith(prefix) for name in state)), None)) and state:
        state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return dict(state)


def require_intact(path: Path) -> None:
    """Verify the checksums (CRC-32) that `torch.save` writes with every tensor; `torch.load` does not look at them.

    Raises:
        DarkroomError: the file's directory is broken, a checksum is wrong, or the content would unpack to more than twice the
            file's size (`torch.save` does not compress).
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > _TIMES * path.stat().st_size + _BYTES:
                size = _megabytes(path.stat().st_size)
                raise DarkroomError(f"{path} of {size} would unpack to {_megabytes(unpacked)}, which is refused")
            damaged = archive.testzip()
    except FileNotFoundError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, NotImplementedError, RuntimeError) as error:
        raise DarkroomError(f"{path} is damaged ({_first_line(error)})") from error
    if damaged is not None:
        raise DarkroomError(f"{path} is damaged: the checksum of {damaged} is wrong")


def _require_of_torch(path: Path) -> None:
    if not path.is_file():
        raise DarkroomError(f"no weights file at {path}")
    try:
        with path.open("rb") as file:
            begin = file.read(8)
    except OSError as error:
        raise DarkroomError(f"{path} cannot be read: {error.strerror or error}") from error
    kind = next((words for magic, words in _MAGIC.items() if begin.startswith(magic)), "")
    if kind or path.suffix.lower() == ".mat":
        raise DarkroomError(
            f"{path} is {kind or 'a MATLAB file'}, not PyTorch weights: take the network's .pth or .safetensors file, "
            "or convert its tensors"
        )
    if begin.startswith(b"PK"):
        require_intact(path)


def _unpickled(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # broken files raise every kind of exception
        if "TorchScript" in str(error):
            raise DarkroomError(f"{path} is a TorchScript program, not weights: save the state_dict() of its module") from error
        if not isinstance(error, pickle.UnpicklingError) or "unsupported" not in str(error).lower():
            raise DarkroomError(f"{path} cannot be read as PyTorch weights ({_first_line(error)})") from error
        named = re.search(r"GLOBAL (\S+)", str(error))
        raise DarkroomError(
            f"{path} contains code that would run when it is read{f' ({named[1]})' if named else ''}, which is refused; "
            "save only its state_dict() with the program that made it"
        ) from error


def _unwrapped(path: Path, content: Any) -> dict[str, Tensor]:
    """The dictionary of tensors in nested dictionaries."""
    for _ in range(_NESTED):
        if not isinstance(content, Mapping):
            break
        inner = _inner(content)
        known = next((name for name in WRAPPERS if name in inner), None)
        if known is None and (len(inner) != 1 or _tensors(content)):
            break
        content = inner[known or next(iter(inner))]
    if not isinstance(content, Mapping):
        raise DarkroomError(f"{path} holds a {type(content).__name__}, not a dictionary of named tensors")
    state = _tensors(content)
    if state:
        return state
    if len(inner := _inner(content)) > 1:
        shown = ", ".join(list(inner)[:4]) + (", …" if len(inner) > 4 else "")
        raise DarkroomError(
            f"{path} holds the tensors of {len(inner)} networks ({shown}): save one of them as a file of its own"
        )
    raise DarkroomError(f"{path} holds no tensors")


def _tensors(content: Mapping[Any, Any]) -> dict[str, Tensor]:
    return {name: value for name, value in content.items() if isinstance(value, Tensor) and isinstance(name, str)}


def _inner(content: Mapping[Any, Any]) -> dict[str, Mapping[Any, Any]]:
    """The entries that are dictionaries with tensors, directly or in further ones; the state of an optimizer is not."""
    seen: set[int] = set()
    named = ((name, value) for name, value in content.items() if isinstance(name, str) and isinstance(value, Mapping))
    return {name: value for name, value in named if _holds_tensors(value, seen)}


def _holds_tensors(content: Mapping[Any, Any], seen: set[int]) -> bool:
    if id(content) in seen:
        return False
    seen.add(id(content))
    inner = (value for name, value in content.items() if isinstance(name, str) and isinstance(value, Mapping))
    return bool(_tensors(content)) or any(_holds_tensors(value, seen) for value in inner)


def _require_proportionate(path: Path, state: Mapping[str, Tensor]) -> None:
    """Refuse tensors without storage of their own, and expanded ones: views of little storage that are larger than the file."""
    for name, tensor in state.items():
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_nested or tensor.device.type != "cpu":
            raise DarkroomError(f"{path} holds {name}, a tensor that is sparse, quantised or empty; weights are plain tensors")
    total = sum(tensor.nbytes for tensor in state.values())
    if total > _TIMES * path.stat().st_size + _BYTES:
        name, largest = max(state.items(), key=lambda item: item[1].nbytes)
        raise DarkroomError(
            f"{path} of {_megabytes(path.stat().st_size)} describes tensors of {_megabytes(total)}, the largest {name} "
            f"{tuple(largest.shape)}, which is refused"
        )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} kB"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
