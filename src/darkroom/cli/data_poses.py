"""`darkroom data poses`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich import box
from rich.console import Console
from rich.table import Table

from darkroom.cli.parse import parse
from darkroom.cli.progress import Bars, HowFar, counted
from darkroom.core.errors import DarkroomError
from darkroom.recipes.ranges import SETTINGS

if TYPE_CHECKING:
    from darkroom.radiance.alignment import PoseErrors
    from darkroom.radiance.motion import Reconstruction


@dataclass
class Poses:
    """Estimate the camera poses of photographs (structure from motion by COLMAP), and write transforms.json beside them.

    The photographs, all of one camera, are in FOLDER, FOLDER/images or FOLDER/train. If the lens distorts, undistorted copies are
    written to FOLDER/undistorted. Afterwards: darkroom train dvgo photographs --scene FOLDER

    Example: darkroom data poses my/photos
    """

    folder: Annotated[Path, tyro.conf.Positional]
    """The photographs."""
    matching: Literal["auto", "exhaustive", "sequential"] = "auto"
    """exhaustive matches all pairs, sequential neighbours by name; auto takes the latter for more than 80 photographs."""
    lens: Literal["auto", "pinhole", "radial"] = "auto"
    """radial estimates the distortion of the lens, pinhole assumes none; auto is pinhole for images with transparent pixels only."""
    known: Path | None = None
    """A scene's folder with poses of the same photographs, matched by file name: print the difference of the estimated ones."""
    force: bool = False
    """Replace a transforms.json that is there."""
    seed: Annotated[int, SETTINGS["seed"]] = 0
    """Of the sampling; results still vary a little."""


def command(arguments: list[str]) -> None:
    """Estimate the camera poses of photographs (structure from motion by COLMAP)."""
    given = parse(Poses, arguments, "data poses")
    from darkroom.radiance import blender, motion, named
    from darkroom.radiance.alignment import compare_poses, counterparts

    target = given.folder / blender.SINGLE
    if target.exists() and not given.force:
        raise DarkroomError(f"{target} exists: --force replaces it")
    photographs = motion.photographs_of(given.folder)
    known = [] if given.known is None else list(named.scene(str(given.known)).by_name.values())
    if given.known is not None:
        counterparts(photographs, known)  # raises now rather than after minutes of work
    with Bars(transient=True) as bars:
        progress = HowFar(bars)
        found = motion.structure_from_motion(photographs, given.matching, given.lens, bars.say, progress, given.seed)
    target = motion.write(given.folder, found, lambda views: counted("images undistorted", views, len(found.views)))
    _print(found, len(photographs))
    print(target)
    if given.known is not None:
        Console(markup=False).print(_comparison(compare_poses(found.views, known)))


def _print(found: "Reconstruction", photographs: int) -> None:
    from darkroom.radiance.lens import displacement

    print(f"{len(found.views)} of {photographs} photographs registered; reprojection error {found.error:.2f} pixels")
    if found.lens.k1:
        moved = displacement(found.views[0].camera, found.lens)
        print(f"the lens distorts: k = {found.lens.k1:+.4f}, which displaces the corners by {moved:.1f} pixels")
    if found.unregistered:
        names = ", ".join(found.unregistered[:5]) + (" ..." if len(found.unregistered) > 5 else "")
        remedy = "; --matching exhaustive" if found.matching == "sequential" else ""
        print(f"not registered: {names}. What helps: more photographs between them and the others, less blur{remedy}")


def _comparison(errors: "PoseErrors") -> Table:
    table = Table("compared with known poses", f"{errors.compared} cameras", box=box.SIMPLE_HEAD)
    table.add_row("centres, mean distance", f"{errors.centre:.2%} of the cameras' spread")
    table.add_row("rotations, mean angle", f"{errors.rotation:.2f} degrees")
    table.add_row("common rotation", f"{errors.common_rotation:.2f} degrees")
    table.add_row("focal length", f"{errors.focal[0]:.1f}, known {errors.focal[1]:.1f} pixels")
    table.add_row("principal point", f"{errors.principal_point[0]:+.1f}, {errors.principal_point[1]:+.1f} pixels off")
    return table
