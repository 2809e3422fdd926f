"""Checkpoints: a killed process leaves the last good one, never half a file."""

from pathlib import Path
from typing import Any

import torch

from darkroom.core.errors import DarkroomError
from darkroom.core.files import replacing


def save(path: Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors, numbers, words) to `path`, whole or not at all.

    Raises:
        DarkroomError: the disk is full; the checkpoint that was there is untouched.
    """
    with replacing(path) as temporary, temporary.open("wb") as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:  # torch hides what the file said behind its own error
            cause = error.__context__ if isinstance(error.__context__, OSError) else None
            if cause is None:
                raise
            raise cause from error


def load(path: Path) -> dict[str, Any]:
    """Read what `save` wrote; nothing in the file is executed.

    Raises:
        DarkroomError: the file is damaged.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:  # what rubbish makes of the unpickler may be anything
        raise DarkroomError(f"the checkpoint {path} is damaged; start over with --fresh") from error
