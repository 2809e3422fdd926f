"""Scenes by the name a recipe or a person gives: the embedded one, a known one, or a folder in any known layout."""

import os
import shutil
from functools import lru_cache
from pathlib import Path

from darkroom.core.errors import DarkroomError
from darkroom.core.paths import cache_root, data_root
from darkroom.radiance import blender, llff, tabletop
from darkroom.radiance.scenes import Scene

SYNTHETIC = ("chair", "drums", "ficus", "hotdog", "lego", "materials", "mic", "ship")
FORWARD_FACING = ("fern", "flower", "fortress", "horns", "leaves", "orchids", "room", "trex")

EMBEDDED_VIEWS, EMBEDDED_SIZE = 30, 100


@lru_cache(maxsize=4)
def scene(name: str, size: int = 0) -> Scene:
    """A scene: "embedded", one of the NeRF paper's by its name below the data root, or a folder.

    Args:
        name: of it. A folder holds `transforms_train.json`, `transforms.json` or `poses_bounds.npy`.
        size: reduce pictures to this width; 0 for as they are.

    Raises:
        DarkroomError: it is not there, or broken.
    """
    if name == "embedded":
        return blender.scene(_embedded(), size)
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


def _embedded() -> Path:
    """The embedded scene's folder; ray-traced at the first use, which takes some seconds."""
    folder = cache_root() / f"tabletop-{tabletop.EDITION}-{EMBEDDED_VIEWS}-{EMBEDDED_SIZE}"
    if not folder.is_dir():
        unfinished = folder.with_name(f".{folder.name}.{os.getpid()}")
        try:
            tabletop.write(unfinished, EMBEDDED_VIEWS, EMBEDDED_SIZE)
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():  # another process may have been first
                raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder
