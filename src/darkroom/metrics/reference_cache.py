"""Statistics of reference images, computed once for a set of images, a network and a way of resizing, and kept in the cache.

An entry is a safetensors file below `cache_root() / "references"`, named by a digest of everything it depends on.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from darkroom.core import weights
from darkroom.core.errors import DarkroomError
from darkroom.core.paths import cache_root

VERSION = 1
"""Counted up when the computation of features or statistics changes numbers."""

LARGEST = 512_000_000
"""Bytes of an entry; larger ones are computed again every time."""


def entry(images: str, features: str, statistic: str) -> Path:
    """The file of an entry, whether it exists or not.

    Args:
        images: a digest of the reference images.
        features: network, digest of its weights, and resizing; see `Features.protocol`.
        statistic: what is kept of the features.
    """
    described = json.dumps([VERSION, images, features, statistic])
    return cache_root() / "references" / f"{hashlib.blake2b(described.encode(), digest_size=16).hexdigest()}.safetensors"


def load(path: Path) -> dict[str, Tensor] | None:
    """An entry, or None if it does not exist or is damaged."""
    try:
        return weights.load(path)[0]
    except DarkroomError:
        return None


def save(path: Path, kept: Mapping[str, Tensor]) -> None:
    """Write an entry, whole or not at all. Where the cache cannot be written, or numbers are not finite, nothing is kept."""
    finite = all(torch.isfinite(tensor).all() for tensor in kept.values())
    if finite and sum(tensor.nbytes for tensor in kept.values()) <= LARGEST:
        with suppress(OSError, DarkroomError):
            weights.save(path, kept, {})
