"""Scenes by name: the embedded one, a published one, or a folder in any supported layout."""

import atexit
import os
import shutil
import tempfile
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import torch

from darkroom.core.errors import DarkroomError
from darkroom.core.paths import cache_root, data_root
from darkroom.core.randomness import seed_of
from darkroom.radiance import blender, colmap, llff, motion, tabletop
from darkroom.radiance.alignment import compare_poses
from darkroom.radiance.bounds import FILE, PAPERS, UNSAID, Depths, Given, framed
from darkroom.radiance.scenes import Scene

SYNTHETIC = ("chair", "drums", "ficus", "hotdog", "lego", "materials", "mic", "ship")
FORWARD_FACING = ("fern", "flower", "fortress", "horns", "leaves", "orchids", "room", "trex")

EMBEDDED = {"embedded": 100, "embedded-large": 256}
"""Width and height of the embedded scene's images; structure from motion needs the larger ones."""

EMBEDDED_VIEWS = 30


@lru_cache(maxsize=4)
def scene(name: str, size: int = 0, given: Given = UNSAID) -> Scene:
    """Read a scene: "embedded", one of the NeRF paper's below the data root, or a folder.

    Args:
        name: "embedded" ("embedded-large" has images of 256x256 pixels), "lego", "fern" and so on, or a folder that holds
            `transforms_train.json`, `transforms.json`, `poses_bounds.npy` or COLMAP's `sparse/0`.
        size: downscale images to this width; 0 for their own size.
        given: near, far and scale; those of the embedded scene and of the synthetic ones are known.

    Raises:
        DarkroomError: it is missing or broken.
    """
    if name in EMBEDDED:
        return blender.scene(_embedded(EMBEDDED[name]), size, given.otherwise(PAPERS))
    known = {**dict.fromkeys(SYNTHETIC, "nerf_synthetic"), **dict.fromkeys(FORWARD_FACING, "nerf_llff_data")}
    folder = data_root() / known[name] / name if name in known else _folder(name)
    if not os.path.isdir(folder):
        advice = (
            f"put it at {folder}, or point DARKROOM_DATA at the folder that holds {known[name]}"
            if name in known
            else f"no folder at {folder}; a scene is embedded, one of {', '.join(known)}, or a folder"
        )
        raise DarkroomError(f"the scene {name} is missing: {advice}")
    if name in SYNTHETIC:
        return blender.scene(folder, size, given.otherwise(PAPERS))
    if (folder / llff.POSES).is_file():
        if given != UNSAID:
            raise DarkroomError(
                f"{folder / llff.POSES} has near and far of its own: --near, --far and --scale do not apply to it"
            )
        return llff.scene(folder, size)
    has_transforms = any(folder.glob("transforms*.json"))
    return (
        colmap.scene(folder, size, given)
        if not has_transforms and colmap.model_of(folder)
        else blender.scene(folder, size, given)
    )


@lru_cache(maxsize=4)
def with_estimated_poses(name: str, size: int = 0, given: Given = UNSAID) -> Scene:
    """A scene with its cameras replaced by those that structure from motion estimates from the photographs of all splits.

    The estimate is cached, so that a resumed run has the same cameras. Its error is among the remarks.

    Raises:
        DarkroomError: structure from motion failed, or registered no photograph of a split.
    """
    known = scene(name)
    views = {view.path: view for view in known.by_name.values()}
    key = seed_of("poses", *(f"{path} {path.stat().st_mtime_ns} {path.stat().st_size}" for path in views))
    cached = cache_root() / f"poses-{key:x}.json"
    if not _readable(cached):
        found = motion.structure_from_motion(_by_unique_name(list(views)), "exhaustive", "pinhole")
        files = [str(view.path.resolve()) for view in found.views]
        blender.write(cached, found.views, files, near=found.near, far=found.far)
    estimated, _ = blender.read_frames(cached)
    errors = compare_poses(estimated, list(views.values()))
    if size:
        estimated = [replace(view, camera=view.camera.with_width(size)) for view in estimated]
    at = {view.path.resolve(): view for view in estimated}
    split = {
        part: [replace(view, camera=at[view.path.resolve()].camera) for view in some if view.path.resolve() in at]
        for part, some in known.views.items()
    }
    if not split.get("train") or not split.get("test"):
        raise DarkroomError(
            f"structure from motion registered {len(estimated)} of {len(views)} photographs, too few to train and test with"
        )
    remark = f"{len(estimated)} of {len(views)} photographs registered by structure from motion; {errors}"
    depths = Depths(*blender.near_and_far(cached), torch.zeros(3), FILE)
    split, near, far, frame, more = framed(split, depths, given)
    return Scene(f"{known.name}, estimated poses", split, near, far, frame=frame, remarks=(remark, *more))


def _readable(cached: Path) -> bool:
    """Whether there are cached poses that are neither damaged nor of another layout."""
    try:
        return cached.is_file() and bool(blender.read_frames(cached)[0]) and bool(blender.near_and_far(cached))
    except DarkroomError:
        return False


def _folder(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError:  # the home of an unknown user
        return Path(name)


def _by_unique_name(photographs: list[Path]) -> list[Path]:
    """Links with unique names: splits may use the same file names."""
    folder = Path(tempfile.mkdtemp(prefix="photographs-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    links = []
    for path in photographs:
        links.append(folder / f"{path.parent.name}_{path.name}")
        links[-1].symlink_to(path.resolve())
    return links


def _embedded(size: int) -> Path:
    """The embedded scene's folder; ray-traced on first use, which takes some seconds."""
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
