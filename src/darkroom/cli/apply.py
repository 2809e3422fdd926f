"""`darkroom apply`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from darkroom.apps import views
from darkroom.cli.device import Accelerator, chosen
from darkroom.cli.parse import parse
from darkroom.cli.progress import counted
from darkroom.core.errors import DarkroomError
from darkroom.data import kernels
from darkroom.engine.apply import apply, plan
from darkroom.engine.deblur import Deblurrer
from darkroom.engine.restore import Restorer
from darkroom.engine.train import device_name
from darkroom.radiance import blender, paths
from darkroom.recipes import lookup
from darkroom.solvers.deblur import Solver


def command(arguments: list[str]) -> None:
    """Restore an image or a folder of images."""

    def restore(
        source: Annotated[Path, tyro.conf.Positional],
        output: Annotated[Path, tyro.conf.arg(aliases=("-o",))],
        weights: Path,
        sigma: float | None = None,
        kernel: str | None = None,
        solver: Solver = "hqs",
        steps: int = 8,
        memory: int = 512,
        size: int = 0,
        frames: int = 72,
        precision: Literal["auto", "32", "bf16"] = "auto",
        accelerator: Accelerator = "auto",
    ) -> None:
        """Restore an image, or every image of a folder; size, depth, transparency and folders are kept.

        Example: darkroom apply holiday.jpg -o clean.png --weights runs/dncnn/laptop_photo

        With --kernel, a blurred image is made sharp: the denoiser serves as the prior of a deconvolution.

        Example: darkroom apply shaken.png -o sharp.png --weights runs/dncnn/noise_conditional --kernel levin09_kernels.npz:k1 --sigma 2.55

        With the weights of a scene, views of it are rendered: SOURCE is a transforms file with cameras (no images are needed),
        and OUTPUT a folder; or SOURCE is the word flight, and OUTPUT a film.

        Example: darkroom apply transforms_test.json -o views/ --weights runs/dvgo/laptop

        Example: darkroom apply flight -o flight.mp4 --weights runs/dvgo/laptop --size 400

        Args:
            source: An image, or a folder of images; for a scene a transforms file, or the word flight.
            output: Where the answer goes: a file for a file, a folder for a folder.
            weights: A run's folder, a weights file of Darkroom's, or somebody else's checkpoint (.pth).
            sigma: Noise level (0-255 scale), for a network that is told it, or for --kernel; by default it is estimated.
            kernel: Blur kernel, an image, .npy, .txt, or .npz (FILE:NAME where it holds several).
            solver: How to deblur: hqs (half-quadratic splitting), ista or fista.
            steps: Steps of the solver.
            memory: MiB that the network's activations may take; a large image is cut into tiles accordingly.
            size: Width of a scene's views in pixels; by default the cameras' own.
            frames: Of a scene's flight.
            precision: auto takes bfloat16 where the hardware has it and a check on these weights allows it.
            accelerator: What to compute on.
        """
        if lookup.is_scene(weights):
            _views(source, output, weights, size, frames, accelerator)
            return
        pairs = plan(source, output)
        device = chosen(accelerator)
        plain = Restorer(lookup.network(weights), device=device, memory=memory << 20, precision=precision, sigma=sigma)
        restorer = plain if kernel is None else Deblurrer(plain, kernels.kernel(kernel), sigma, solver=solver, steps=steps)
        console = Console(stderr=True)
        failed = 0
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        ) as bar:
            files, tiles = bar.add_task("images", total=len(pairs)), bar.add_task("steps" if kernel else "tiles")
            for done in apply(restorer, pairs, lambda n, total: bar.update(tiles, completed=n, total=total)):
                bar.update(files, advance=1)
                failed += done.error is not None
                text = f"darkroom: skipped {done.error}" if done.error else f"{done.source} -> {done.output}"
                text += f" ({done.remark})" if done.remark else ""
                console.print(text, markup=False, highlight=False, soft_wrap=True)
        arithmetic = f"bfloat16 (PSNR moved by {restorer.difference:.4f} dB in the check)" if restorer.bf16 else "float32"
        console.print(
            f"{len(pairs) - failed} of {len(pairs)} images restored in {arithmetic} on {device_name(device)}",
            highlight=False,
            soft_wrap=True,
        )
        if failed:
            raise DarkroomError(f"{failed} of {len(pairs)} images could not be restored; the reasons stand above")

    parse(restore, arguments, "apply")


def _views(source: Path, output: Path, weights: Path, size: int, frames: int, accelerator: Accelerator) -> None:
    """Render cameras of a file to images, or a flight to a film."""
    device = chosen(accelerator)
    method = lookup.scene(weights)[0].to(device)
    if str(source) == "flight":
        if frames < 2 or size < 0:
            raise DarkroomError(f"a flight needs two frames at least, given --frames {frames} --size {size}")
        cameras = paths.flight(method.space, frames)
        if size:
            cameras = [camera.of_width(size) for camera in cameras]
        beside = views.film(method, cameras, output, progress=lambda items: counted("frames", items, len(items)))
        print(f"{output}, depth in {beside}: {frames} frames on {device_name(device)}")
        return
    asked, remarks = blender.frames(source, size, needed=False)
    for remark in remarks:
        print(f"darkroom: {remark}", file=sys.stderr)
    if output.exists() and not output.is_dir():
        raise DarkroomError(f"views go to a folder; {output} is a file")
    views.images(method, asked, output, progress=lambda items: counted("views", items, len(items)))
    print(f"{output}: {len(asked)} views and their depth on {device_name(device)}")
