"""Scenes by the name a recipe or a person gives: the embedded one, a known one, or a folder in any known layout."""

import atexit
import os
import shutil
import tempfile
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from darkroom.core.errors import DarkroomError
from darkroom.core.paths import cache_root, data_root
from darkroom.core.randomness import seed_of
from darkroom.radiance import blender, llff, motion, tabletop
from darkroom.radiance.alignment import compared
from darkroom.radiance.scenes import Scene

SYNTHETIC = ("chair", "drums", "ficus", "hotdog", "lego", "materials", "mic", "ship")
FORWARD_FACING = ("fern", "flower", "fortress", "horns", "leaves", "orchids", "room", "trex")

EMBEDDED = {"embedded": 100, "embedded-large": 256}
"""Sides of the embedded scene's images, by its name; structure from motion needs the larger ones."""

EMBEDDED_VIEWS = 30


@lru_cache(maxsize=4)
def scene(name: str, size: int = 0) -> Scene:
    """A scene: "embedded", one of the NeRF paper's by its name below the data root, or a folder.

    Args:
        name: of it ("embedded-large" has images of 256x256 pixels). A folder holds `transforms_train.json`,
            `transforms.json` or `poses_bounds.npy`.
        size: reduce images to this width; 0 for as they are.

    Raises:
        DarkroomError: it is not there, or broken.
    """
    if name in EMBEDDED:
        return blender.scene(_embedded(EMBEDDED[name]), size)
    known = {**dict.fromkeys(SYNTHETIC, "nerf_synthetic"), **dict.fromkeys(FORWARD_FACING, "nerf_llff_data")}
    folder = data_root() / known[name] / name if name in known else Path(name).expanduser()
    if not folder.is_dir():
        where = (
            f"put it at {folder}, or point DARKROOM_DATA at the folder that holds {known[name]}"
            if name in known
            else (f"no folder at {folder}; a scene is embedded, one of {', '.join(known)}, or a folder")
        )
        raise DarkroomError(f"the scene {name} is not there: {where}")
    return llff.scene(folder, size) if (folder / llff.POSES).is_file() else blender.scene(folder, size)


@lru_cache(maxsize=4)
def with_estimated_poses(name: str, size: int = 0) -> Scene:
    """A known scene as if its cameras were not: found by structure from motion from the photographs of all splits together.

    What was found is kept, so that the same command goes on with the same cameras. How far it is from the truth is among the
    remarks.

    Raises:
        DarkroomError: structure from motion failed, or left a split empty.
    """
    known = scene(name)
    views = {view.path: view for some in known.views.values() for view in some}
    key = seed_of("poses", *(f"{path} {path.stat().st_mtime_ns} {path.stat().st_size}" for path in views))
    kept = cache_root() / f"poses-{key:x}.json"
    if not kept.is_file():
        found = motion.structure_from_motion(_by_unique_name(list(views)), "exhaustive", "pinhole")
        relative = [str(view.path.resolve()) for view in found.views]
        blender.write(kept, found.views, relative, near=found.near, far=found.far)
    placed, _ = blender.frames(kept)
    errors = compared(placed, list(views.values()))
    if size:
        placed = [replace(one, camera=one.camera.of_width(size)) for one in placed]
    at = {view.path.resolve(): view for view in placed}
    split = {
        part: [replace(view, camera=at[view.path.resolve()].camera) for view in some if view.path.resolve() in at]
        for part, some in known.views.items()
    }
    if not split.get("train") or not split.get("test"):
        raise DarkroomError(
            f"structure from motion placed {len(placed)} of {len(views)} photographs, too few to train and evaluation"
        )
    said = f"{len(placed)} of {len(views)} photographs placed by structure from motion; {errors}"
    return Scene(f"{known.name}, estimated poses", split, *blender.depths(kept), remarks=(said,))


def _by_unique_name(photographs: list[Path]) -> list[Path]:
    """Links with unique names: splits number their images alike."""
    folder = Path(tempfile.mkdtemp(prefix="photographs-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    links = []
    for path in photographs:
        links.append(folder / f"{path.parent.name}_{path.name}")
        links[-1].symlink_to(path.resolve())
    return links


def _embedded(size: int) -> Path:
    """The embedded scene's folder; ray-traced at the first use, which takes some seconds."""
    folder = cache_root() / f"tabletop-{tabletop.EDITION}-{EMBEDDED_VIEWS}-{size}"
    if not folder.is_dir():
        unfinished = folder.with_name(f".{folder.name}.{os.getpid()}")
        try:
            tabletop.write(unfinished, EMBEDDED_VIEWS, size)
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():  # another process may have been first
                raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder
