"""Weights on disk: safetensors with a description and a checksum; reading executes nothing."""

import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from darkroom.core.errors import DarkroomError
from darkroom.core.files import replacing

_CHECKSUM = "checksum"


def save(path: Path, state: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write tensors as safetensors, with `header` as JSON in the file's own header.

    One file, so that weights cannot be separated from their description. The header of a run's weights has

    - "kind": what they are of: "restoration", "scene", "generator" or "backbone" (see `engine.run.Kind`);
    - "recipe", "row", "settings": what builds the network again;
    - "step": of the training.

    A CRC-32 over tensors and header is written with them. Equal weights give equal files.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(Path(folder) / "w.safetensors", {"a": torch.ones(2)}, {"step": 3})
        ...     load(Path(folder) / "w.safetensors")
        ({'a': tensor([1., 1.])}, {'step': 3})
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    described = {**header, _CHECKSUM: _checksum(tensors, json.dumps(header))}
    content = safetensors.torch.save(tensors, metadata={"darkroom": json.dumps(described)})
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save` wrote: `(tensors, header)`; the header is empty for another program's safetensors.

    Raises:
        DarkroomError: the file is missing, cut off, or not safetensors; its content is not what was written; or a weight is not
            finite.
    """
    with _opened(path) as file:
        tensors, header = {name: file.get_tensor(name) for name in file.keys()}, _header(path, file)  # noqa: SIM118
    checksum = header.pop(_CHECKSUM, None)
    if checksum is not None and checksum != _checksum(tensors, json.dumps(header)):
        raise DarkroomError(f"{path} is damaged: its content is not what was written; copy it again, or train again")
    require_finite(path, tensors)
    return tensors, header


def read_header(path: Path) -> dict[str, Any]:
    """The header of what `save` wrote, without reading the tensors.

    Raises:
        DarkroomError: the file is missing, cut off, or not safetensors.
    """
    with _opened(path) as file:
        header = _header(path, file)
    header.pop(_CHECKSUM, None)
    return header


def is_safetensors(path: Path) -> bool:
    """Whether a file is safetensors by its name or its first bytes: the length of the header, and an opening brace."""
    if path.suffix == ".safetensors":
        return True
    try:
        with path.open("rb") as file:
            return file.read(9)[8:] == b"{"
    except OSError:
        return False


def require_finite(path: Path, state: Mapping[str, Tensor]) -> None:
    """Refuse weights that are infinite or not a number.

    Raises:
        DarkroomError: a tensor has such an element; it is named.
    """
    for name, tensor in state.items():
        real = tensor.is_floating_point() or tensor.is_complex()
        if real and tensor.numel() and not torch.isfinite(_extremes(tensor)).all():
            raise DarkroomError(
                f"{path} holds weights that are not finite, in {name} {tuple(tensor.shape)}: they cannot be used; "
                "take a checkpoint from before the training diverged"
            )


def _extremes(tensor: Tensor) -> Tensor:
    """The smallest and the largest element; not finite if any element is not. One pass, and no copy of the usual types."""
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    if tensor.is_floating_point() and tensor.element_size() == 1:  # eight-bit floats have no arithmetic
        tensor = tensor.float()
    return torch.stack(torch.aminmax(tensor))


def _checksum(tensors: Mapping[str, Tensor], header: str) -> str:
    """CRC-32 of the header and of every tensor's name, type, shape and bytes, by name."""
    crc = zlib.crc32(header.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        crc = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), crc)
        crc = zlib.crc32(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data, crc)
    return f"{crc:08x}"


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if not path.is_file():
        raise DarkroomError(f"no weights file at {path}")
    try:
        with safetensors.safe_open(path, framework="pt", device="cpu") as file:
            yield file
    except (safetensors.SafetensorError, UnicodeDecodeError) as error:
        raise DarkroomError(f"{path} is not a whole safetensors file ({error})") from error
    except OSError as error:
        raise DarkroomError(f"{path} cannot be read: {error.strerror or error}") from error


def _header(path: Path, file: Any) -> dict[str, Any]:
    try:
        header = json.loads((file.metadata() or {}).get("darkroom", "{}"))
    except (ValueError, RecursionError) as error:
        raise DarkroomError(f"{path} is not a whole safetensors file (its description is not JSON)") from error
    if not isinstance(header, dict):
        raise DarkroomError(f"{path} has a description that is a {type(header).__name__}, not an object: it is not Darkroom's")
    return header
