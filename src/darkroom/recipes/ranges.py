"""The range of every numerical setting and option: declared once, checked in one place, printed by --help."""

import dataclasses
import math
import numbers
import os
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from darkroom.core.errors import DarkroomError
from darkroom.recipes.setting_types import check_type


@dataclass(frozen=True)
class Range:
    """An interval of numbers; of a tuple, every number is in it.

    Args:
        low: least number.
        high: largest number.
        inside: `low` and `high` themselves are excluded.

    Example:
        >>> str(Range(1)), str(Range(0, inside=True)), str(Range(0, 1)), str(Range(0, 1, inside=True))
        ('at least 1', 'above 0', 'from 0 to 1', 'between 0 and 1')
        >>> 0 in Range(1), 0.5 in Range(0, 1), float("inf") in Range(0)
        (False, True, False)
    """

    low: int | float
    high: int | float = math.inf
    inside: bool = False

    def __contains__(self, value: int | float) -> bool:
        if not math.isfinite(value):
            return False
        return self.low < value < self.high if self.inside else self.low <= value <= self.high

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"{'above' if self.inside else 'at least'} {self.low}"
        return f"between {self.low} and {self.high}" if self.inside else f"from {self.low} to {self.high}"


AT_LEAST_0, AT_LEAST_1, ABOVE_0 = Range(0), Range(1), Range(0, inside=True)
SHARE, DECAY = Range(0, 1), Range(0, 1, inside=True)
QUALITY = Range(1, 100)
THREADS, MEMORY = Range(1, 1024), Range(1, 1 << 20)

LARGEST = 2**32
"""No integer is larger, whatever its range: sizes are computed of them, and would overflow."""

PROCESSES = 4 * (os.cpu_count() or 1)
"""Most processes that a command starts."""

SETTINGS: dict[str, Range] = {
    # of several recipes
    "steps": AT_LEAST_1,
    "lr": ABOVE_0,
    "milestones": DECAY,
    "gamma": ABOVE_0,
    "clip": ABOVE_0,
    "ema": DECAY,
    "patch_size": AT_LEAST_1,
    "batch_size": AT_LEAST_1,
    "seed": Range(0, 2**32 - 1),
    "sigma": AT_LEAST_0,
    "test_sigmas": AT_LEAST_0,
    "width": AT_LEAST_1,
    "depth": AT_LEAST_1,
    "blocks": AT_LEAST_1,
    "scale": ABOVE_0,
    "image_count": AT_LEAST_0,
    # of super-resolution, GANs and transformers
    "channels": AT_LEAST_1,
    "jitter": AT_LEAST_0,
    "growth": AT_LEAST_1,
    "discriminator_width": AT_LEAST_1,
    "discriminator_hidden": AT_LEAST_1,
    "pretraining": AT_LEAST_0,
    "l1_weight": AT_LEAST_0,
    "perceptual_weight": AT_LEAST_0,
    "adversarial_weight": AT_LEAST_0,
    "frequency_weight": AT_LEAST_0,
    "depths": AT_LEAST_1,
    "heads": AT_LEAST_1,
    # of photographs
    "widths": AT_LEAST_1,
    "qualities": QUALITY,
    "test_qualities": QUALITY,
    # of deblurring
    "solver_steps": AT_LEAST_1,
    "regularisation": ABOVE_0,
    "support": Range(3, 255),
    "convolutions": Range(1, 2),
    "dropout": SHARE,
    "critic_width": AT_LEAST_1,
    "critic_steps": AT_LEAST_1,
    "penalty": AT_LEAST_0,
    "content_weight": AT_LEAST_0,
    "encoder": AT_LEAST_1,
    "middle": AT_LEAST_1,
    "decoder": AT_LEAST_1,
    "sigma_max": AT_LEAST_0,
    "border": AT_LEAST_0,
    "basis": AT_LEAST_1,
    "segments": Range(1, 64),
    "exposures": Range(1e-3, 1),
    "blur_gamma": ABOVE_0,
    "reblur_weight": AT_LEAST_0,
    "kernel_weight": AT_LEAST_0,
    "l1_from": SHARE,
    "smoothing": Range(0, 0.2),
    # of image translation
    "margin": AT_LEAST_0,
    "labels": AT_LEAST_0,
    "scales": Range(1, 4),
    "matching_weight": AT_LEAST_0,
    "discriminator_lr": ABOVE_0,
    "downsamplings": Range(1, 8),
    "octaves": Range(1, 12),
    "grid": AT_LEAST_1,
    "pixel_width": AT_LEAST_1,
    "pixel_depth": Range(2),
    # of scenes
    "image_width": AT_LEAST_0,
    "near": ABOVE_0,
    "far": ABOVE_0,
    "background": SHARE,
    "pixel_centre": SHARE,
    "skip": AT_LEAST_0,
    "samples": AT_LEAST_0,
    "noise": AT_LEAST_0,
    "centre_crop": AT_LEAST_0,
    "voxels": AT_LEAST_1,
    "coarse_voxels": AT_LEAST_1,
    "coarse_steps": AT_LEAST_0,
    "doublings": AT_LEAST_0,
    "features": AT_LEAST_1,
    "step_size": ABOVE_0,
    "network_lr": ABOVE_0,
    "occupancy_interval": AT_LEAST_1,
    "occupancy_threshold": SHARE,
    "entropy_weights": AT_LEAST_0,
    "point_weights": AT_LEAST_0,
    "tv_weight": AT_LEAST_0,
    # of translation and segmentation
    "size": Range(16),
    # of self-supervision and classification
    "image_size": Range(8),
    "smallest_crop": Range(1e-3, 1),
    "flip": SHARE,
    "warm_up": Range(0, 0.99),
    "tau": SHARE,
    "temperature": ABOVE_0,
    "hidden": AT_LEAST_1,
    "projection": Range(2),
    "bottleneck": AT_LEAST_1,
    "strength": AT_LEAST_0,
    "classes": Range(2),
    "shots": AT_LEAST_0,
    # of generation
    "multipliers": AT_LEAST_1,
    "attention": AT_LEAST_1,
    "noise_levels": AT_LEAST_0,
    "sigma_min": ABOVE_0,
    "snr": ABOVE_0,
    "warm_up_steps": AT_LEAST_0,
    "sample_count": AT_LEAST_1,
    "sample_batch": AT_LEAST_1,
    "likelihood_images": AT_LEAST_0,
    "latent": AT_LEAST_1,
    "discriminator_steps": AT_LEAST_1,
    "latent_batches": AT_LEAST_1,
    # of hash grids
    "levels": Range(1, 64),
    "log2_rows": Range(3, 30),
    "coarsest": Range(2, 4096),
    "finest": Range(2, 2**20),
    "extent": AT_LEAST_0,
    "ray_steps": AT_LEAST_1,
    "cone": SHARE,
    "cells": Range(2, 1024),
    "occupancy_warmup": AT_LEAST_0,
    "samples_per_step": AT_LEAST_1,
    "weight_decay": AT_LEAST_0,
}
"""Ranges of recipes' settings by name; a setting that is not a number, such as a kind of noise, is not checked."""


def check(values: Mapping[str, Any], ranges: Mapping[str, Range] = SETTINGS) -> None:
    """Raise if a number is outside its range, or not finite.

    Raises:
        DarkroomError: the option, the value given, and the range.

    Example:
        >>> check({"steps": 100, "sigma": (0.0, 55.0), "clip": None})
        >>> check({"test_sigmas": (15.0, -1.0)})
        Traceback (most recent call last):
        darkroom.core.errors.DarkroomError: --test-sigmas 15.0 -1.0: must be at least 0
    """
    for name, value in values.items():
        numbers = _numbers(value)
        allowed = ranges.get(name)
        too_large = any(isinstance(number, int) and abs(number) > LARGEST for number in numbers)
        if too_large or any(not math.isfinite(number) or (allowed is not None and number not in allowed) for number in numbers):
            words = str(" ".join(map(str, value)) if isinstance(value, tuple | list) else value)
            limit = f" and no larger than {LARGEST}" if too_large else ""
            raise DarkroomError(f"--{name.replace('_', '-')} {words[:80]}: must be {allowed or 'finite'}{limit}")


def check_fields(options: Any) -> None:
    """`check` the fields of a dataclass whose ranges are annotations, as in `Annotated[int, Range(1)]`, and their types.

    Raises:
        DarkroomError: as `check`.
    """
    hints = typing.get_type_hints(type(options))
    for field in dataclasses.fields(options):
        check_type(field.name, getattr(options, field.name), hints[field.name])
    ranges = declared(type(options))
    check({field.name: getattr(options, field.name) for field in dataclasses.fields(options)}, ranges)


def declared(kind: type) -> dict[str, Range]:
    """The ranges that a dataclass declares by annotations."""
    return {name: found for name, hint in typing.get_type_hints(kind, include_extras=True).items() if (found := _of(hint))}


def _of(hint: Any) -> Range | None:
    """The range of an annotation, also where None is allowed beside it."""
    if typing.get_origin(hint) is Annotated:
        return next((entry for entry in hint.__metadata__ if isinstance(entry, Range)), None)
    return None


def _numbers(value: Any) -> list[int | float]:
    if isinstance(value, tuple | list):
        return [number for item in value for number in _numbers(item)]
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return []
    return [int(value) if isinstance(value, numbers.Integral) else float(value)]
