"""Poses of ordinary photographs by structure from motion: COLMAP, through pycolmap."""

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
from darkroom.radiance import blender
from darkroom.radiance.cameras import Camera, converted
from darkroom.radiance.lens import LEAST, displacement, pinhole, undistorted
from darkroom.radiance.scenes import View, size_of_all

Matching = Literal["auto", "exhaustive", "sequential"]

Lens = Literal["auto", "pinhole", "radial"]

UNDISTORTED = "undistorted"
"""The folder of the images that a pinhole would have taken."""

MANY = 80
"""With more photographs than this, numbered in order, only neighbours are matched."""

_DEPTHS = (0.02, 0.98)
"""Quantiles of the depths of points that photographs see, taken for near and far."""


@dataclass(frozen=True)
class Motion:
    """What structure from motion found.

    Args:
        views: the photographs that found their place, with cameras.
        distortion: k of the lens that took them (see `lens`); 0 for a pinhole.
        missing: names of those that did not.
        near, far: depths of what they see.
        error: mean reprojection error in pixels.
        matching: how photographs were compared.
    """

    views: list[View]
    distortion: float
    missing: list[str]
    near: float
    far: float
    error: float
    matching: str


def photographs_of(folder: Path) -> list[Path]:
    """The images of a folder, or of its `images` or `train`, whichever it has.

    Raises:
        DarkroomError: fewer than three, or two of one name.
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
            raise DarkroomError(f"{path} and {stems[path.stem].name} differ in their ending alone: rename or remove one")
    if len(found) < 3:
        raise DarkroomError(f"{len(found)} photographs in {found[0].parent}: structure from motion needs three, better thirty")
    return found


def structure_from_motion(
    photographs: Sequence[Path],
    matching: Matching = "auto",
    lens: Lens = "auto",
    say: Callable[[str], None] = lambda line: None,
    seed: int = 0,
) -> Motion:
    """Features, matches, incremental mapping; of several models the largest. One camera took all photographs.

    Transparent parts are made white and not looked at. Poses are recentred on what the cameras look at, and scaled so that
    they stand 4 from it.

    Args:
        photographs: files.
        matching: exhaustive compares all with all; sequential neighbours by name. auto: sequential for more than 80.
        lens: pinhole, or radial, whose distortion is estimated (one coefficient). auto: pinhole for images with transparent
            parts, which nobody photographed.
        say: told of each phase.
        seed: of the sampling; results still vary a little from run to run.

    Raises:
        DarkroomError: pycolmap is not installed, photographs differ in size, or fewer than three could be brought together.

    Source: Schönberger & Frahm 2016, "Structure-from-Motion Revisited".
    """
    pycolmap = _pycolmap()
    size_of_all(photographs)  # says which one is broken, or another one's
    how = matching if matching != "auto" else "sequential" if len(photographs) > MANY else "exhaustive"
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        shown, masks = _prepared(photographs, work)
        database = work / "database.db"
        pycolmap.logging.minloglevel = 3
        pycolmap.set_random_seed(seed)
        say(f"features of {len(photographs)} photographs")
        bends = lens == "radial" or (lens == "auto" and not masks)
        options = pycolmap.ImageReaderOptions(camera_model="SIMPLE_RADIAL" if bends else "SIMPLE_PINHOLE")
        if masks:
            options.mask_path = str(masks)
        mode = pycolmap.CameraMode.SINGLE
        pycolmap.extract_features(database, shown, camera_mode=mode, reader_options=options, device=pycolmap.Device.cpu)
        say(f"{how} matching")
        match = pycolmap.match_exhaustive if how == "exhaustive" else pycolmap.match_sequential
        match(database, device=pycolmap.Device.cpu)
        say("mapping")
        pipeline = pycolmap.IncrementalPipelineOptions()
        pipeline.min_model_size = 3
        models = pycolmap.incremental_mapping(database, shown, work / "models", options=pipeline)
        if not models:
            raise DarkroomError(
                f"none of the {len(photographs)} photographs could be brought together: take more, with more overlap "
                "(a step to the side between two), of something that has texture and does not move"
            )
        largest = max(models.values(), key=lambda model: model.num_reg_images())
        return _read(largest, {path.name: path for path in photographs}, how)


def _prepared(photographs: Sequence[Path], work: Path) -> tuple[Path, Path | None]:
    """The folder that COLMAP looks at: the photographs upright, and over white with masks where something is transparent."""
    shown, masks = work / "images", work / "masks"
    shown.mkdir(parents=True)
    for path in photographs:
        image = images.read(path)
        if image.alpha is not None:
            masks.mkdir(exist_ok=True)
            over = image.pixels * image.alpha + 1 - image.alpha
            images.write(shown / f"{path.stem}.png", images.ImageFile(over.expand(3, -1, -1)))
            images.write(masks / f"{path.stem}.png.png", images.ImageFile((image.alpha > 0.5).float()))
        elif images.is_upright(path):
            shutil.copyfile(path, shown / path.name)
        else:
            images.write(shown / f"{path.stem}.jpg", image)  # keeps EXIF, which knows the focal length
    return shown, masks if masks.exists() else None


def _read(model: Any, files: dict[str, Path], matching: str) -> Motion:
    """Cameras of a model, in our axes, moved and scaled."""
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
    seen = {view.path.name for view in views}
    depths = torch.cat([-((points - middle) * scale - pose[:, 3]) @ pose[:, 2] for pose in poses])
    depths = depths[depths > 0]
    near, far = torch.quantile(depths[:: max(1, len(depths) // 1_000_000)], torch.tensor(_DEPTHS, dtype=depths.dtype)).tolist()
    return Motion(
        views,
        float(k[0]) if k else 0.0,
        [name for name in files if name not in seen],
        0.8 * near,
        1.2 * far,
        float(model.compute_mean_reprojection_error()),
        matching,
    )


def _pose(image: Any) -> Float[Tensor, "3 4"]:
    world = image.cam_from_world() if callable(image.cam_from_world) else image.cam_from_world
    return converted(torch.from_numpy(world.inverse().matrix())[:3].double(), "opencv")


def write(folder: Path, found: Motion, progress: Callable[[Sequence[View]], Iterable[View]] = iter) -> Path:
    """Write `transforms.json` beside the photographs; other files stay as they are.

    Where the lens moves a corner by more than half a pixel, the file names images without distortion, made in a folder of
    their own, of which `progress` is given every one.

    Raises:
        DarkroomError: the disk is full; `transforms.json` is written last.
    """
    target, views = folder / blender.SINGLE, found.views
    if displacement(views[0].camera, found.distortion) > LEAST:
        seen = pinhole(views[0].camera, found.distortion)  # one lens took them all
        views = [
            _undistorted(view, found.distortion, replace(seen, pose=view.camera.pose), folder / UNDISTORTED)
            for view in progress(views)
        ]
    named = [view.path.relative_to(folder).as_posix() for view in views]
    blender.write(target, views, named, near=found.near, far=found.far)
    return target


def _undistorted(view: View, k: float, seen: Camera, folder: Path) -> View:
    image = images.read(view.path)
    pixels, alpha = image.pixels, image.alpha
    if alpha is None:
        pixels = undistorted(pixels, view.camera, k, seen)
    else:
        pixels, alpha = undistorted(torch.cat([pixels * alpha, alpha]), view.camera, k, seen).split([len(pixels), 1])
        pixels = (pixels / alpha.clamp(min=1 / 255)).clamp(max=1)
    path = folder / f"{view.name}.png"
    images.write(path, images.ImageFile(pixels, alpha, image.bits))
    return View(view.name, path, seen)


def _pycolmap() -> Any:
    try:
        import pycolmap
    except ImportError as error:
        raise DarkroomError("structure from motion needs pycolmap: pip install 'darkroom[sfm]'") from error
    return pycolmap
