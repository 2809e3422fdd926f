"""Camera poses of ordinary photographs by structure from motion, with COLMAP through pycolmap."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core import images
from darkroom.core.errors import DarkroomError
from darkroom.core.extras import install
from darkroom.radiance import blender
from darkroom.radiance.bounds import of_points
from darkroom.radiance.cameras import Camera, convert
from darkroom.radiance.lens import TOLERANCE, Lens, displacement, pinhole, undistorted
from darkroom.radiance.scenes import View, common_size

Matching = Literal["auto", "exhaustive", "sequential"]

LensModel = Literal["auto", "pinhole", "radial"]

UNDISTORTED = "undistorted"
"""The folder of undistorted images."""

Progress = Callable[[str, int, int], None]
"""A title, how much is done, and how much there is."""

NEIGHBOURS = 10
"""Photographs that follow one by name and are matched with it, in sequential matching."""

MANY = 80
"""Above this number of photographs, "auto" matches sequentially."""


@dataclass(frozen=True)
class Reconstruction:
    """Cameras found by structure from motion.

    Args:
        views: the registered photographs, with cameras.
        lens: of all photographs.
        unregistered: names of the other photographs.
        near, far: bounds of the depth of reconstructed points.
        error: mean reprojection error in pixels.
        matching: which pairs of photographs were matched.
    """

    views: list[View]
    lens: Lens
    unregistered: list[str]
    near: float
    far: float
    error: float
    matching: str


def photographs_of(folder: Path) -> list[Path]:
    """The images of a folder, or of its subfolder `images` or `train`.

    Raises:
        DarkroomError: there are fewer than three, or two with the same name but for the extension.
    """
    for place in (folder / "images", folder / "train", folder):
        if place.is_dir():
            found = sorted(path for path in place.iterdir() if path.suffix.lower() in images.READABLE and path.is_file())
            if found:
                break
    else:
        raise DarkroomError(f"no images in {folder}")
    stems = {path.stem: path for path in found}
    for path in found:
        if stems[path.stem] != path:
            raise DarkroomError(f"{path} and {stems[path.stem].name} differ in their extension alone: rename or remove one")
    if len(found) < 3:
        raise DarkroomError(f"{len(found)} photographs in {found[0].parent}: structure from motion needs at least 3, better 30")
    return found


def structure_from_motion(
    photographs: Sequence[Path],
    matching: Matching = "auto",
    lens: LensModel = "auto",
    log: Callable[[str], None] = lambda line: None,
    progress: Progress = lambda title, done, total: None,
    seed: int = 0,
) -> Reconstruction:
    """Feature extraction, matching, and incremental mapping with one shared camera; the largest model is kept.

    Transparent pixels are masked. The median of the reconstructed points becomes the origin; the cameras' mean distance from
    it is scaled to 4.

    Args:
        photographs: files.
        matching: exhaustive matches all pairs, sequential neighbours by name. auto: sequential for more than 80 photographs.
        lens: pinhole, or radial with one distortion coefficient. auto: pinhole for images with transparent pixels (renderings).
        log: called with a line at the start of each phase.
        progress: called with a title, and how much of it is done, while photographs are matched and placed.
        seed: of RANSAC; results still vary a little between runs.

    Raises:
        DarkroomError: pycolmap is not installed, photographs differ in size, or fewer than three could be registered.

    Source: Schönberger & Frahm 2016, "Structure-from-Motion Revisited".
    """
    pycolmap = _pycolmap()
    common_size(photographs)
    how = matching if matching != "auto" else "sequential" if len(photographs) > MANY else "exhaustive"
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        folder, masks = _prepared(photographs, work)
        database = work / "database.db"
        pycolmap.logging.minloglevel = 3
        pycolmap.set_random_seed(seed)
        log(f"extracting features of {len(photographs)} photographs")
        radial = lens == "radial" or (lens == "auto" and not masks)
        _extract_features(pycolmap, database, folder, masks, "SIMPLE_RADIAL" if radial else "SIMPLE_PINHOLE")
        log(f"{how} matching")
        names = sorted(path.name for path in folder.iterdir())
        pairs = _pairs(names, None if how == "exhaustive" else NEIGHBOURS)
        _match(pycolmap, database, pairs, work / "pairs.txt", progress)
        log("incremental mapping")
        model = _largest_model(pycolmap, database, folder, work / "models", len(photographs), progress)
        return _read(model, photographs, how)


def _extract_features(pycolmap: Any, database: Path, folder: Path, masks: Path | None, camera_model: str) -> None:
    options = pycolmap.ImageReaderOptions(camera_model=camera_model)
    if masks:
        options.mask_path = str(masks)
    mode = pycolmap.CameraMode.SINGLE
    pycolmap.extract_features(database, folder, camera_mode=mode, reader_options=options, device=pycolmap.Device.cpu)


def _pairs(names: Sequence[str], neighbours: int | None) -> list[tuple[str, str]]:
    """All pairs; or those of each name with as many that follow it, and with some at distances that are powers of two."""
    apart = (
        range(1, len(names)) if neighbours is None else sorted({*range(1, neighbours + 1), *(2**n for n in range(neighbours))})
    )
    return [(names[first], names[first + by]) for first in range(len(names)) for by in apart if first + by < len(names)]


def _match(pycolmap: Any, database: Path, pairs: Sequence[tuple[str, str]], file: Path, progress: Progress) -> None:
    """Match pairs, some at a time, so that it is seen how far it is."""
    portion = max(50, len(pairs) // 50)
    for begin in range(0, len(pairs), portion):
        progress("pairs matched", begin, len(pairs))
        some = pairs[begin : begin + portion]
        file.write_text("".join(f"{one} {other}\n" for one, other in some))
        options = pycolmap.ImportedPairingOptions(match_list_path=str(file))
        pycolmap.match_image_pairs(database, pairing_options=options, device=pycolmap.Device.cpu)
    progress("pairs matched", len(pairs), len(pairs))


def _largest_model(pycolmap: Any, database: Path, folder: Path, output: Path, count: int, progress: Progress) -> Any:
    options = pycolmap.IncrementalPipelineOptions()
    options.min_model_size = 3
    placed = iter(range(3, 1 << 30))  # the first two are placed together
    models = pycolmap.incremental_mapping(
        database,
        folder,
        output,
        options=options,
        next_image_callback=lambda: progress("photographs placed", min(next(placed), count), count),
    )
    if not models:
        raise DarkroomError(
            f"none of the {count} photographs could be registered: take more, with more overlap (a step to the side between "
            "two), of a textured scene in which nothing moves"
        )
    return max(models.values(), key=lambda model: model.num_reg_images())


def _prepared(photographs: Sequence[Path], work: Path) -> tuple[Path, Path | None]:
    """The folder that COLMAP reads: the photographs upright, and over white with masks where they have transparent pixels.

    They are named by their number, since COLMAP's list of pairs cannot hold a space.
    """
    folder, masks = work / "images", work / "masks"
    folder.mkdir(parents=True)
    for number, path in enumerate(photographs):
        image, name = images.read(path), f"{number:06}"
        if image.alpha is not None:
            masks.mkdir(exist_ok=True)
            over = image.pixels * image.alpha + 1 - image.alpha
            images.write(folder / f"{name}.png", images.ImageFile(over.expand(3, -1, -1)))
            images.write(masks / f"{name}.png.png", images.ImageFile((image.alpha > 0.5).float()))
        elif path.suffix.lower() in images.WRITABLE and images.is_upright(path):  # COLMAP reads no HEIC, for example
            shutil.copyfile(path, folder / f"{name}{path.suffix}")
        else:
            images.write(folder / f"{name}.jpg", image)  # keeps EXIF, which states the focal length
    return folder, masks if masks.exists() else None


def _read(model: Any, photographs: Sequence[Path], matching: str) -> Reconstruction:
    """Cameras of a model in opengl axes, translated and scaled."""
    registered = sorted((model.images[number] for number in model.reg_image_ids()), key=lambda image: image.name)
    poses = torch.stack([_pose(image) for image in registered])
    points = torch.from_numpy(np.array([point.xyz for point in model.points3D.values()])).double()
    middle = points.median(0).values
    scale = 4 / float((poses[:, :, 3] - middle).norm(dim=1).mean())
    poses = torch.cat([poses[..., :3], (poses[..., 3:] - middle[:, None]) * scale], -1)
    (camera,) = model.cameras.values()
    focal, cx, cy, *k = camera.params
    views = []
    for image, pose in zip(registered, poses, strict=True):
        path = photographs[int(Path(image.name).stem)]
        views.append(View(path.stem, path, Camera(camera.width, camera.height, focal, focal, cx, cy, pose.float())))
    registered_paths = {view.path for view in views}
    depths = of_points(poses, (points - middle) * scale)
    return Reconstruction(
        views,
        Lens(k1=float(k[0])) if k else Lens(),
        [path.name for path in photographs if path not in registered_paths],
        depths.near,
        depths.far,
        float(model.compute_mean_reprojection_error()),
        matching,
    )


def _pose(image: Any) -> Float[Tensor, "3 4"]:
    world = image.cam_from_world() if callable(image.cam_from_world) else image.cam_from_world
    return convert(torch.from_numpy(world.inverse().matrix())[:3].double(), "opencv")


def write(folder: Path, found: Reconstruction, progress: Callable[[Sequence[View]], Iterable[View]] = iter) -> Path:
    """Write `transforms.json` beside the photographs, and undistorted copies of these where the lens requires it.

    Copies are made in the folder `undistorted` if distortion displaces a corner by more than half a pixel.

    Args:
        folder: to write to; other files in it stay.
        found: cameras of photographs below the folder.
        progress: wraps the views that are undistorted.

    Raises:
        DarkroomError: the disk is full; `transforms.json` is written last.
    """
    target, views = folder / blender.SINGLE, found.views
    if displacement(views[0].camera, found.lens) > TOLERANCE:
        ideal = pinhole(views[0].camera, found.lens)  # one lens took all photographs
        views = [
            _undistorted(view, found.lens, replace(ideal, pose=view.camera.pose), folder / UNDISTORTED)
            for view in progress(views)
        ]
    files = [view.path.relative_to(folder).as_posix() for view in views]
    blender.write(target, views, files, near=found.near, far=found.far)
    return target


def _undistorted(view: View, lens: Lens, target: Camera, folder: Path) -> View:
    image = images.read(view.path)
    pixels, alpha = image.pixels, image.alpha
    if alpha is None:
        pixels = undistorted(pixels, view.camera, lens, target)
    else:
        pixels, alpha = undistorted(torch.cat([pixels * alpha, alpha]), view.camera, lens, target).split([len(pixels), 1])
        pixels = (pixels / alpha.clamp(min=1 / 255)).clamp(max=1)
    path = folder / f"{view.name}.png"
    images.write(path, images.ImageFile(pixels, alpha, image.bits))
    return View(view.name, path, target)


def _pycolmap() -> Any:
    try:
        import pycolmap
    except ImportError as error:
        raise DarkroomError(f"structure from motion needs pycolmap: {install('sfm')}") from error
    return pycolmap
