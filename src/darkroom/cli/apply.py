"""`darkroom apply`."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from darkroom.cli.parse import parse
from darkroom.cli.processes import run_in_several
from darkroom.cli.progress import Bars, counted
from darkroom.cli.restored_files import counted_below, restore_shown, spelled
from darkroom.core.errors import DarkroomError
from darkroom.core.threads import Threads
from darkroom.recipes.paths import weights_path
from darkroom.recipes.ranges import AT_LEAST_0, AT_LEAST_1, MEMORY, PROCESSES, THREADS, Range
from darkroom.workflows.options import Accelerator, Precision
from darkroom.workflows.processes import place

if TYPE_CHECKING:
    from darkroom.engine.restore_files import ImageRestorer, RestoredFile
    from darkroom.methods.radiance import RadianceMethod
    from darkroom.radiance.cameras import Camera


@dataclass
class Apply:
    """Restore an image, or every image of a folder; size, bit depth, transparency and folders are kept.

    Example: darkroom apply holiday.jpg -o clean.png --weights runs/dncnn/laptop_photo

    With --kernel, a blurred image is deblurred: the denoiser is the prior of a deconvolution.

    Example: darkroom apply shaken.png -o sharp.png --weights runs/dncnn/noise_conditional --kernel levin09_kernels.npz:k1 --sigma 2.55

    With the weights of a kernel network, the blur kernel of every pixel is estimated and inverted.

    Example: darkroom apply shaken.jpg -o sharp.png --weights runs/kernels/small --show-kernels

    With the weights of image translation, label maps become photographs; label maps are ids, or the colours of the dataset's palette.

    Example: darkroom apply maps/ -o photographs/ --weights runs/pix2pix/facades

    With the weights of a scene, views of it are rendered: SOURCE is a transforms file, or nerfstudio's camera_path.json (no images are
    needed), and OUTPUT a folder or an .mp4; or SOURCE is the word flight, and OUTPUT an .mp4. Depth is written beside them.

    Example: darkroom apply transforms_test.json -o views/ --weights runs/dvgo/laptop

    Example: darkroom apply flight -o flight.mp4 --weights runs/dvgo/laptop --width 400
    """

    source: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Images or folders of images; for a scene a transforms file, or the word flight."""
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",))]
    """Where the result is written: a file for a file, a folder for a folder."""
    weights: str
    """A run's folder, RECIPE/ROW for one below runs/, a weights file, or another program's checkpoint (.pth)."""
    sigma: Annotated[float | None, AT_LEAST_0] = None
    """Noise level (0-255 scale), for noise-conditional networks and for --kernel; by default it is estimated."""
    kernel: str | None = None
    """Blur kernel, an image, .npy, .txt, or .npz file (FILE:NAME where it holds several)."""
    solver: Literal["hqs", "ista", "fista"] = "hqs"
    """Solver of the deconvolution: hqs is half-quadratic splitting."""
    solver_steps: Annotated[int | None, AT_LEAST_1] = None
    """Iterations of the solver; by default 8, and 30 where a kernel network's kernels are inverted (Richardson-Lucy)."""
    show_kernels: bool = False
    """With the weights of a kernel network, also write its kernels over the image, and its basis with the masks."""
    memory: Annotated[int, MEMORY] = 512
    """MiB that the network's activations may take; larger images are restored in tiles."""
    resize: bool = False
    """Of image translation: resize to the size of the training images first, label maps to the nearest pixel."""
    width: Annotated[int, AT_LEAST_0] = 0
    """Width of a scene's views in pixels; by default the cameras' own."""
    frames: Annotated[int, Range(2)] = 72
    """Number of frames of a flight."""
    precision: Precision = "auto"
    """int8 is fastest on most CPUs; the first time a network is prepared for it, which takes seconds. auto takes int8 where it was
    prepared, else bfloat16 where that is fast; both only after a check on these weights."""
    accelerator: Accelerator = "auto"
    """Device to compute on."""
    processes: Annotated[int | None, Range(1, PROCESSES)] = None
    """Processes that share the files of a folder; by default one for each GPU, and one on a CPU."""
    threads: Annotated[int | None, THREADS] = None
    """CPU threads of each process; by default as many as are free."""
    recipe: str | None = None
    """The recipe's file, for weights of a recipe of your own."""


def command(arguments: list[str]) -> None:
    """Restore an image or a folder of images; translate label maps; render views of a scene."""
    given = parse(Apply, arguments, "apply")
    threads = Threads(given.threads, processes=place().processes)
    threads.watch()
    if not given.source:
        raise DarkroomError(
            "which image? For example: darkroom apply holiday.jpg -o clean.png --weights runs/dncnn/laptop_photo"
        )
    is_view = str(given.source[0]) == "flight" or given.source[0].suffix == ".json"
    missing = [path for path in given.source if not path.exists()]
    if missing and not is_view:
        raise DarkroomError(f"no image or folder at {missing[0]}")
    path = weights_path(given.weights)
    from darkroom.recipes import trained
    from darkroom.workflows.translate import is_original

    threads.begin()
    kind = trained.kind_of(path)
    if kind == "scene":
        _render(given, path)
    elif kind == "generator" or (not kind and is_original(path)):
        _translate(given)
    elif not run_in_several(given.processes, given.accelerator, counted_below(given.source)):
        _restore(given)


def _restore(given: Apply) -> None:
    from darkroom.engine.blind_deblur import BlindDeblurrer
    from darkroom.workflows.restore import identity, make_restorer

    names = ("sigma", "kernel", "solver", "solver_steps", "memory", "precision", "accelerator", "recipe")
    options = {name: getattr(given, name) for name in names}
    restorer, made_by = make_restorer(given.weights, **options), identity(given.weights, **options)
    blind = restorer if isinstance(restorer, BlindDeblurrer) else None
    _say_what_has_no_effect(given, restorer)

    def kernels(file: "RestoredFile") -> str:
        if blind is None or not given.show_kernels:
            return ""
        return f"kernels of {file.source} -> {' and '.join(map(str, blind.write_figures(file.output)))}"

    unit = "iterations" if given.kernel or blind is not None else "tiles"
    restore_shown(given.source, given.output, restorer, made_by, given.accelerator, unit=unit, remark=kernels)


def _say_what_has_no_effect(given: Apply, restorer: "ImageRestorer") -> None:
    from darkroom.engine.blind_deblur import BlindDeblurrer
    from darkroom.engine.restorer import Restorer

    if given.sigma is not None and isinstance(restorer, Restorer) and not restorer.noise_conditional:
        print(f"darkroom: --sigma {given.sigma:g} has no effect: these weights are not noise-conditional", file=sys.stderr)
    if given.show_kernels and not isinstance(restorer, BlindDeblurrer):
        print("darkroom: --show-kernels has no effect: these weights estimate no kernels", file=sys.stderr)


def _translate(given: Apply) -> None:
    """Label maps to photographs."""
    from darkroom.engine.devices import choose_device, device_name
    from darkroom.workflows.translate import make_translator, translate_files

    translator = make_translator(given.weights, resize=given.resize, accelerator=given.accelerator, recipe=given.recipe)
    with Bars() as bars:

        def show(file: "RestoredFile", total: int) -> None:
            bars.say(spelled(file))

        files = translate_files(given.source, given.output, translator, finished=show)
    failed = sum(file.error is not None for file in files)
    print(f"{len(files) - failed} of {len(files)} images translated on {device_name(choose_device(given.accelerator))}")
    if failed:
        raise DarkroomError(f"{failed} of {len(files)} images could not be translated; the reasons are given above")


def _render(given: Apply, weights: Path) -> None:
    """Render the cameras of a file to images, or a flight to a video."""
    from darkroom.engine.devices import choose_device, device_name
    from darkroom.recipes import trained

    device = choose_device(given.accelerator)
    method = trained.scene(weights, given.recipe)[0].to(device)
    if len(given.source) > 1:
        raise DarkroomError(f"views are rendered of one SOURCE, given {len(given.source)}")
    render = _render_flight if str(given.source[0]) == "flight" else _render_views
    print(f"{render(given, method)} on {device_name(device)}")


def _render_flight(given: Apply, method: "RadianceMethod") -> str:
    from darkroom.radiance import paths

    cameras = paths.flight(method.space, given.frames)
    if given.width:
        cameras = [camera.with_width(given.width) for camera in cameras]
    return _film(given, method, cameras)


def _film(given: Apply, method: "RadianceMethod", cameras: "list[Camera]") -> str:
    from darkroom.apps.views import write_video

    depth = write_video(method, cameras, given.output, progress=lambda items: counted("frames", items, len(items)))
    return f"{given.output}, depth in {depth}: {len(cameras)} frames"


def _render_views(given: Apply, method: "RadianceMethod") -> str:
    from darkroom.apps.views import write_images
    from darkroom.radiance.camera_files import cameras_in, placed

    views, remarks = cameras_in(given.source[0])
    views, doubts = placed(views, method.space)
    if given.width:
        views = [replace(view, camera=view.camera.with_width(given.width)) for view in views]
    for remark in (*remarks, *doubts):
        print(f"darkroom: {remark}", file=sys.stderr)
    if given.output.suffix.lower() == ".mp4":
        return _film(given, method, [view.camera for view in views])
    if given.output.exists() and not given.output.is_dir():
        raise DarkroomError(f"views are written to a folder; {given.output} is a file")
    write_images(method, views, given.output, progress=lambda items: counted("views", items, len(items)))
    return f"{given.output}: {len(views)} views and their depth"
