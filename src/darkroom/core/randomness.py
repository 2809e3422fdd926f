"""Randomness as a function: the same key gives the same numbers, whoever asks and whenever."""

import hashlib

import torch


def seed_of(*key: int | str) -> int:
    """A 63-bit seed from a key of integers and words, by SHA-256 (so that near keys are unrelated)."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def generator(*key: int | str) -> torch.Generator:
    """A CPU generator that depends on `key` alone, for example `generator(seed, "noise", step, index)`."""
    return torch.Generator().manual_seed(seed_of(*key))
