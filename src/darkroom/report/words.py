"""Names of test sets, variants and settings as a reader writes them, and text of files as a page can show it."""

import re
from collections.abc import Mapping
from typing import Any

from darkroom.core.paths import printable

_SETS = {
    "set5": "Set5",
    "set12": "Set12",
    "set14": "Set14",
    "bsd68": "BSD68",
    "cbsd68": "CBSD68",
    "bsd100": "BSD100",
    "urban100": "Urban100",
    "kodak24": "Kodak24",
    "mcmaster": "McMaster",
    "sun80": "Sun et al.'s 80 images",
    "gopro": "GoPro",
    "gopro-gamma": "GoPro, blurred in linear light",
    "koehler": "Köhler et al.'s images",
    "camvid": "CamVid",
    "cityscapes": "Cityscapes",
    "cifar10": "CIFAR-10",
    "imagenet": "ImageNet",
    "embedded-train": "embedded photographs for training",
    "embedded-heldout": "embedded photographs",
}
"""Sets whose names are written otherwise than typed."""

_VARIANTS = {"sigma": "σ = {}", "scale": "×{}", "reduction": "{} reduction", "classifier": "{}", "blur": "{}"}
"""Variants that have a symbol or an order of words; of others the name stands before the value."""

LONGEST = 400
"""Characters of a text that is shown whole."""


def set_title(name: str) -> str:
    """The name of a set of images as papers write it; other sets are called what they are called."""
    return _SETS.get(name, name)


def variant_words(variant: Mapping[str, float | str]) -> list[str]:
    """What tells evaluations on one test set apart.

    Example:
        >>> variant_words({"sigma": 25.0}), variant_words({"scale": 2.0, "quality": 10.0})
        (['σ = 25'], ['×2', 'quality 10'])
    """
    return [_VARIANTS.get(key, f"{key.replace('_', ' ')} {{}}").format(_plain(value)) for key, value in variant.items()]


def place(dataset: str, variant: Mapping[str, float | str]) -> str:
    """Test set and variant.

    Example:
        >>> place("bsd68", {"sigma": 25.0})
        'BSD68, σ = 25'
    """
    return ", ".join([set_title(dataset), *variant_words(variant)])


def written_place(dataset: str, variant: str) -> str:
    """Test set and variant, where the variant is written as in the ledger.

    Example:
        >>> written_place("set5", "scale 2")
        'Set5, ×2'
    """
    key, _, value = variant.partition(" ")
    try:
        return place(dataset, {key: float(value)})
    except ValueError:
        return ", ".join(filter(None, [set_title(dataset), variant]))


def metric_title(name: str) -> str:
    """A metric's title where only its name is known, as in the ledger.

    Example:
        >>> metric_title("psnr_y_uint8_crop2"), metric_title("fid")
        ('PSNR Y uint8', 'FID')
    """
    measured, *rest = [word for word in name.split("_") if not re.fullmatch(r"crop\d+", word)]
    return " ".join([measured.upper(), *("Y" if word == "y" else word for word in rest)])


def unbroken(text: str) -> str:
    """A text in which a symbol stays with its number: "σ = 25" is not broken over two lines."""
    return text.replace("σ = ", "σ\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")


def spell_settings(settings: Mapping[str, Any]) -> str:
    """Settings as words.

    Example:
        >>> spell_settings({"batch_size": 8, "benchmark_sets": ["set5", "bsd100"]})
        'batch_size=8, benchmark_sets=set5/bsd100'
    """
    words = {key: "/".join(map(str, value)) if isinstance(value, list) else str(value) for key, value in settings.items()}
    return ", ".join(f"{key}={shortened(value)}" for key, value in words.items())


def shortened(text: str, length: int = LONGEST) -> str:
    """A text with its middle left out where it is too long to be shown.

    Example:
        >>> shortened("abcdefghijklmnopqrstuvwxyz", 9)
        'abcd … wxyz'
    """
    return text if len(text) <= length else f"{text[: length // 2]} … {text[-(length // 2) :]}"


def presentable(value: Any) -> Any:
    """A value of JSON with every text as a page and a plot can show it: bytes and characters that cannot be printed as numbers.

    Example:
        >>> presentable({"command": ["caf\\udce9", "a\\x00b", "Größe"]})
        {'command': ['caf\\\\xe9', 'a\\\\x00b', 'Größe']}
    """
    if isinstance(value, str):
        return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in printable(value))
    if isinstance(value, dict):
        return {presentable(key): presentable(item) for key, item in value.items()}
    return [presentable(item) for item in value] if isinstance(value, list) else value


def _plain(value: float | str) -> str:
    return f"{value:g}" if isinstance(value, float | int) else value
