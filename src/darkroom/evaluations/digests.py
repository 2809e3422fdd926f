"""Digests of what a score depends on."""

import hashlib

from torch import Tensor


def digest_of(words: str, *tensors: Tensor) -> str:
    """A digest of words and of the content of tensors.

    Example:
        >>> import torch
        >>> digest_of("x", torch.zeros(2)) == digest_of("x", torch.zeros(1, 2))
        False
    """
    state = hashlib.blake2b(words.encode(), digest_size=16)
    for tensor in tensors:
        state.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
        state.update(tensor.cpu().numpy().tobytes())
    return state.hexdigest()
