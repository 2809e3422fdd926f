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
from darkroom.radiance.cameras import Camera, convert
from darkroom.radiance.lens import TOLERANCE, displacement, pinhole, undistorted
from darkroom.radiance.scenes import View, common_size

Matching = Literal["auto", "exhaustive", "sequential"]

Lens = Literal["auto", "pinhole", "radial"]

UNDISTORTED = "undistorted"
"""The folder of undistorted images."""

MANY = 80
"""Above this number of photographs, "auto" matches sequentially."""

_QUANTILES = (0.02, 0.98)
"""Of the depths of reconstructed points, taken for near and far."""


@dataclass(frozen=True)
class Reconstruction:
    """Cameras found by structure from motion.

    Args:
        views: the registered photographs, with cameras.
        distortion: coefficient k of the lens (see `lens`); 0 for a pinhole.
        unregistered: names of the other photographs.
        near, far: bounds of the depth of reconstructed points.
        error: mean reprojection error in pixels.
        matching: which pairs of photographs were matched.
    """

    views: list[View]
    distortion: float
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
    lens: Lens = "auto",
    log: Callable[[str], None] = lambda line: None,
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
        match = pycolmap.match_exhaustive if how == "exhaustive" else pycolmap.match_sequential
        match(database, device=pycolmap.Device.cpu)
        log("incremental mapping")
        model = _largest_model(pycolmap, database, folder, work / "models", len(photographs))
        return _read(model, {path.name: path for path in photographs}, how)


def _extract_features(pycolmap: Any, database: Path, folder: Path, masks: Path | None, camera_model: str) -> None:
    options = pycolmap.ImageReaderOptions(camera_model=camera_model)
    if masks:
        options.mask_path = str(masks)
    mode = pycolmap.CameraMode.SINGLE
    pycolmap.extract_features(database, folder, camera_mode=mode, reader_options=options, device=pycolmap.Device.cpu)


def _largest_model(pycolmap: Any, database: Path, folder: Path, output: Path, count: int) -> Any:
    options = pycolmap.IncrementalPipelineOptions()
    options.min_model_size = 3
    models = pycolmap.incremental_mapping(database, folder, output, options=options)
    if not models:
        raise DarkroomError(
            f"none of the {count} photographs could be registered: take more, with more overlap (a step to the side between "
            "two), of a textured scene in which nothing moves"
        )
    return max(models.values(), key=lambda model: model.num_reg_images())


def _prepared(photographs: Sequence[Path], work: Path) -> tuple[Path, Path | None]:
    """The folder that COLMAP reads: the photographs upright, and over white with masks where they have transparent pixels."""
    folder, masks = work / "images", work / "masks"
    folder.mkdir(parents=True)
    for path in photographs:
        image = images.read(path)
        if image.alpha is not None:
            masks.mkdir(exist_ok=True)
            over = image.pixels * image.alpha + 1 - image.alpha
            images.write(folder / f"{path.stem}.png", images.ImageFile(over.expand(3, -1, -1)))
            images.write(masks / f"{path.stem}.png.png", images.ImageFile((image.alpha > 0.5).float()))
        elif path.suffix.lower() in images.WRITABLE and images.is_upright(path):  # COLMAP reads no HEIC, for example
            shutil.copyfile(path, folder / path.name)
        else:
            images.write(folder / f"{path.stem}.jpg", image)  # keeps EXIF, which states the focal length
    return folder, masks if masks.exists() else None


def _read(model: Any, files: dict[str, Path], matching: str) -> Reconstruction:
    """Cameras of a model in opengl axes, translated and scaled."""
    by_stem = {path.stem: path for path in files.values()}
    registered = sorted((model.images[number] for number in model.reg_image_ids()), key=lambda image: image.name)
    poses = torch.stack([_pose(image) for image in registered])
    points = torch.from_numpy(np.array([point.xyz for point in model.points3D.values()])).double()
    middle = points.median(0).values
    scale = 4 / float((poses[:, :, 3] - middle).norm(dim=1).mean())
    poses = torch.cat([poses[..., :3], (poses[..., 3:] - middle[:, None]) * scale], -1)
    (lens,) = model.cameras.values()
    focal, cx, cy, *k = lens.params
    views = []
    for image, pose in zip(registered, poses, strict=True):
        path = files.get(image.name, by_stem[Path(image.name).stem])
        views.append(View(path.stem, path, Camera(lens.width, lens.height, focal, focal, cx, cy, pose.float())))
    names = {view.path.name for view in views}
    depths = torch.cat([-((points - middle) * scale - pose[:, 3]) @ pose[:, 2] for pose in poses])
    depths = depths[depths > 0]
    depths = depths[:: max(1, len(depths) // 1_000_000)]
    near, far = torch.quantile(depths, torch.tensor(_QUANTILES, dtype=depths.dtype)).tolist()
    return Reconstruction(
        views,
        float(k[0]) if k else 0.0,
        [name for name in files if name not in names],
        0.8 * near,
        1.2 * far,
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
    if displacement(views[0].camera, found.distortion) > TOLERANCE:
        ideal = pinhole(views[0].camera, found.distortion)  # one lens took all photographs
        views = [
            _undistorted(view, found.distortion, replace(ideal, pose=view.camera.pose), folder / UNDISTORTED)
            for view in progress(views)
        ]
    files = [view.path.relative_to(folder).as_posix() for view in views]
    blender.write(target, views, files, near=found.near, far=found.far)
    return target


def _undistorted(view: View, k: float, target: Camera, folder: Path) -> View:
    image = images.read(view.path)
    pixels, alpha = image.pixels, image.alpha
    if alpha is None:
        pixels = undistorted(pixels, view.camera, k, target)
    else:
        pixels, alpha = undistorted(torch.cat([pixels * alpha, alpha]), view.camera, k, target).split([len(pixels), 1])
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
