"""Checkpoints: a killed process leaves the last complete one, and a damaged one is noticed."""

from pathlib import Path
from typing import Any

import torch

from darkroom.core.errors import DarkroomError
from darkroom.core.files import replacing
from darkroom.core.torch_files import require_intact


def save(path: Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors, numbers, strings) to `path`, whole or not at all, with a CRC-32 of every part.

    Raises:
        DarkroomError: the disk is full; the checkpoint that was there is untouched.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(Path(folder) / "last.ckpt", {"step": 3, "w": torch.ones(2)})
        ...     load(Path(folder) / "last.ckpt")
        {'step': 3, 'w': tensor([1., 1.])}
    """
    with replacing(path) as temporary, temporary.open("wb") as file:
        torch.save(state, file)


def load(path: Path) -> dict[str, Any]:
    """Read what `save` wrote; nothing in the file is executed.

    Raises:
        DarkroomError: the file is damaged: cut off, or with other content than was written.
    """
    try:
        require_intact(path)
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:  # a damaged file makes the unpickler fail in many ways
        raise DarkroomError(f"the checkpoint {path} is damaged; start over with --fresh") from error
    return content
