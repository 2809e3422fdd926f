"""The networks that are part of the package, by name: what they do, their weights and their cards."""

from dataclasses import dataclass
from pathlib import Path

from darkroom.core.errors import DarkroomError

FOLDER = Path(__file__).parent.parent / "shipped"
"""Weights in half precision and a card for each, beside the code."""

AUTO = "auto"
"""Instead of a name: of `CHOSEN`, the network that fits the image."""

CHOSEN = ("denoise", "jpeg")
"""The networks that `AUTO` chooses between."""


@dataclass(frozen=True)
class Shipped:
    """A network of the package.

    Args:
        name: it is called by this: `darkroom restore --task NAME`, `darkroom.restore(image, NAME)`.
        purpose: what it does, in a few words.
    """

    name: str
    purpose: str

    @property
    def weights(self) -> Path:
        """Its weights, in half precision."""
        return FOLDER / f"{self.name}.safetensors"

    @property
    def card(self) -> str:
        """Its card: data, licence, protocol, table, limits."""
        return (FOLDER / f"{self.name}.md").read_text(encoding="utf-8")


NETWORKS = {
    network.name: network
    for network in (
        Shipped("denoise", "removes noise of any strength up to sigma 50, white or correlated, also from JPEG files"),
        Shipped("jpeg", "removes the artefacts of JPEG compression, quality 10 to 90"),
        Shipped("deblur", "sharpens what shook, is slightly out of focus, or comes from a soft lens"),
        Shipped("enlarge_2", "doubles the sides of clean images"),
        Shipped("enlarge_4", "makes the sides of clean images four times as long"),
        Shipped("enlarge_2_jpeg", "doubles the sides of images from JPEG files, quality 30 to 95"),
        Shipped("enlarge_4_jpeg", "makes the sides of images from JPEG files four times as long, quality 30 to 95"),
    )
}
"""By name, in the order of lists."""


def find(name: str) -> Shipped:
    """A network of the package by its name.

    Raises:
        DarkroomError: there is none of that name.

    Example:
        >>> find("denoise").weights.name
        'denoise.safetensors'
    """
    if name not in NETWORKS:
        raise DarkroomError(f"no network {name!r} is part of Darkroom; there are {', '.join(NETWORKS)} (see `darkroom models`)")
    return NETWORKS[name]
