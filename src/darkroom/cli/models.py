"""`darkroom models`."""

from pathlib import Path
from typing import Annotated

import tyro
from rich import box
from rich.console import Console
from rich.table import Table

from darkroom.cli.data import DownloadBar
from darkroom.cli.parse import parse
from darkroom.cli.subcommands import choose
from darkroom.data.foreign_weights import WEIGHTS
from darkroom.recipes import shipped


def command(arguments: list[str]) -> None:
    """List the networks that are part of Darkroom and other people's, print a card, or download weights."""
    if not arguments:
        _list([])
        return
    choose({"list": _list, "card": _card, "get": _get, "pack": _pack}, arguments, "models", "models card denoise")


def _list(arguments: list[str]) -> None:
    """The networks that are part of Darkroom, and other people's weights that can be downloaded."""

    def show() -> None:
        """The networks that are part of Darkroom, and other people's weights that can be downloaded.

        Example: darkroom models list
        """
        table = Table("name", "what it does", "MB", box=box.SIMPLE_HEAD)
        for network in shipped.NETWORKS.values():
            table.add_row(network.name, network.purpose, f"{network.weights.stat().st_size / 1e6:.1f}")
        Console().print(table)
        print("darkroom restore photo.jpg --task NAME; data, protocol, numbers and limits: darkroom models card NAME\n")
        others = Table("name", "other people's", "MB", "licence", "present", box=box.SIMPLE_HEAD)
        for weights in WEIGHTS.values():
            present = "yes" if weights.path().exists() else "no"
            others.add_row(weights.name, weights.title, str(weights.megabytes), weights.licence, present)
        Console().print(others)
        print("darkroom models get NAME downloads one of these; nothing else does")

    parse(show, arguments, "models list")


def _card(arguments: list[str]) -> None:
    """Data, licence, protocol, numbers and limits of one network."""

    def show(name: Annotated[str, tyro.conf.Positional]) -> None:
        """Print the card of a network: data, licence, protocol, numbers and limits.

        Example: darkroom models card denoise

        Args:
            name: Of the network, see `darkroom models`.
        """
        print(shipped.find(name).card.rstrip())

    parse(show, arguments, "models card")


def _get(arguments: list[str]) -> None:
    """Download other people's weights."""

    def get(name: Annotated[str, tyro.conf.Positional]) -> None:
        """Download other people's weights and verify them.

        Example: darkroom models get dncnn_color_blind

        Args:
            name: Of the weights, see `darkroom models`.
        """
        from darkroom.data import foreign_weights

        weights = foreign_weights.find(name)
        stated = f"SHA-256 {weights.sha256}" if weights.sha256 else "no SHA-256 is stated by its publisher"
        print(f"{weights.title}, {weights.megabytes} MB, from {weights.url}\nlicence: {weights.licence}; {stated}")
        print(f"cite: {weights.citation}")
        with DownloadBar(weights.title) as bar:
            path = foreign_weights.get(weights, progress=bar, log=print)
        print(f"in {path}; for example: darkroom apply photo.jpg -o out.png --weights {path}")

    parse(get, arguments, "models get")


def _pack(arguments: list[str]) -> None:
    """Write the weights of a run in half precision, as those of the package are."""

    def pack_weights(
        weights: Annotated[str, tyro.conf.Positional], output: Annotated[Path, tyro.conf.arg(aliases=("-o",))]
    ) -> None:
        """Write the weights of a restoration network in half precision, and measure what that changes.

        Example: darkroom models pack runs/photographs/denoise -o denoise.safetensors

        Args:
            weights: A run's folder, RECIPE/ROW for one below runs/, or a weights file.
            output: The file, ending in .safetensors.
        """
        from darkroom.workflows.pack import pack

        packed = pack(weights, output)
        print(
            f"{output}: {packed.size / 1e6:.2f} MB; restored photographs differ from those of float32 by at most "
            f"{packed.levels:.2f} of 255 levels, their PSNR by {packed.psnr_difference:.4f} dB"
        )

    parse(pack_weights, arguments, "models pack")
