"""Translate label maps, or images, to images with trained weights: in memory, or files and folders."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from darkroom.core import images, torch_files
from darkroom.core import weights as core_weights
from darkroom.core.allocation import limited_by
from darkroom.core.errors import DarkroomError
from darkroom.core.image_codecs import opened
from darkroom.data.palettes import Palette, ids_of
from darkroom.data.streams import PatchStream
from darkroom.engine.devices import choose_device
from darkroom.engine.restore_files import RestoredFile, plan_files
from darkroom.networks.pix2pix import UNetGenerator
from darkroom.networks.translation import TranslationNetwork
from darkroom.recipes import trained
from darkroom.recipes.paths import weights_path
from darkroom.workflows.options import Accelerator


class Translator:
    """A generator made ready for label maps of any kind.

    Args:
        network: the generator.
        palette: the colour of each label, for label maps that are drawn in colours; empty for a network that takes images.
        classes: the name of each label, where they are known.
        size: height and width of the images that it was trained on, where they are known.
        resize: resize inputs to that size first, label maps by nearest neighbours.
        device: where it runs; the CPU if not given.

    Example:
        >>> from darkroom.networks.pix2pix import UNetGenerator
        >>> translator = Translator(UNetGenerator(labels=2, width=4, levels=5), palette=[(0, 0, 0), (255, 0, 0)])
        >>> translator(torch.ones(1, 32, 64, dtype=torch.long)).shape
        torch.Size([3, 32, 64])
    """

    def __init__(
        self,
        network: TranslationNetwork,
        *,
        palette: Palette = (),
        classes: Sequence[str] = (),
        size: tuple[int, int] | None = None,
        resize: bool = False,
        device: torch.device | None = None,
    ) -> None:
        self.device, self.palette, self.classes, self.size, self.resize = (
            device or torch.device("cpu"),
            palette,
            classes,
            size,
            resize,
        )
        self.network: TranslationNetwork = network.eval().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, source: Tensor, instances: Tensor | None = None) -> Float[Tensor, "3 height width"]:
        """Translate one label map `(1, height, width)`, or one image `(3, height, width)` in [0, 1]; the output is in [0, 1].

        Args:
            source: the label map or the image.
            instances: the number of the object that each pixel belongs to, for a network that is given the edges of instances; by
                default there is an edge wherever labels differ.

        Raises:
            DarkroomError: a label is out of range, or the network cannot take this size.
        """
        self._require_labels(source)
        given = [source, source if instances is None else instances] if self.network.edges else [source]
        sized = [_resized(x, self.size) if self.resize and self.size else x for x in given]
        with torch.inference_mode():
            try:
                return self.network(*(x[None].to(self.device) for x in sized))[0].cpu()
            except DarkroomError as error:
                raise DarkroomError(f"{error}{self._remedy()}") from error

    def source(self, given: Any) -> Tensor:
        """A label map or an image of any kind as the tensor that the network takes.

        Args:
            given: the path of a file, a PIL image, an array or a tensor. Label maps are ids, or the exact colours of the palette.

        Raises:
            DarkroomError: it is neither; the line names the file.
        """
        if isinstance(given, str | Path):
            return self._of_file(Path(given))
        if isinstance(given, Image.Image) and given.mode == "P":
            raise DarkroomError("this label map has a palette instead of ids: convert it to L or to RGB")
        array = given if isinstance(given, Tensor) else torch.from_numpy(np.array(given))
        planes = (
            array if isinstance(given, Tensor) and array.ndim == 3 else array.movedim(-1, 0) if array.ndim == 3 else array[None]
        )
        return self._of_planes(planes)

    def _of_file(self, path: Path) -> Tensor:
        with opened(path) as image:
            drawn = image.mode in ("RGB", "RGBA") and bool(self.palette)
        if self.network.labels and not drawn:
            return images.read_ids(path).long()
        return self._of_planes(images.read_uint8(path))

    def _of_planes(self, planes: Tensor) -> Tensor:
        """The tensor that the network takes, of planes `(channel, height, width)`."""
        if planes.ndim != 3 or len(planes) not in (1, 3, 4):
            raise DarkroomError(f"a label map has one plane of ids, or three of colours; given {tuple(planes.shape)}")
        if not self.network.labels:
            pixels = planes[:3].expand(3, -1, -1)
            return pixels.float() if pixels.is_floating_point() else images.to_float(pixels)
        if len(planes) == 1:
            return planes.long()
        if planes.dtype != torch.uint8:
            raise DarkroomError(f"the colours of a label map are 8-bit integers, not {planes.dtype}")
        return ids_of(planes[:3], self.palette)

    def _require_labels(self, source: Tensor) -> None:
        labels = self.network.labels
        if labels and (int(source.min()) < 0 or int(source.max()) >= labels):
            wrong = int(source.min()) if int(source.min()) < 0 else int(source.max())
            raise DarkroomError(f"the label {wrong} is out of range: these weights know the labels 0 to {labels - 1}")

    def _remedy(self) -> str:
        if not self.size or self.resize:
            return ""
        return f", or add --resize: images are then {self.size[1]}x{self.size[0]}, as in training"


def make_translator(
    weights: str | Path, *, resize: bool = False, accelerator: Accelerator = "auto", recipe: str | None = None
) -> Translator:
    """The generator of weights, ready to be used again and again.

    Args:
        weights: a run's folder, "recipe/row" for one below `runs/`, a weights file, or a checkpoint of the original pix2pix (U-Net).
        resize: see `Translator`.
        accelerator: device to compute on.
        recipe: the recipe's file, for weights of a recipe outside the package.

    Raises:
        DarkroomError: the weights cannot be read, or are of no network that translates images.
    """
    path, device = weights_path(str(weights)), choose_device(accelerator)
    if path.is_file() and not core_weights.is_safetensors(path):
        network = _original(path)
        if network is None:
            raise DarkroomError(f"{path} is neither Darkroom's nor a U-Net of the original pix2pix")
        return Translator(network, size=(256, 256), resize=resize, device=device)
    run = trained.run(path, recipe)
    if not isinstance(run.network, TranslationNetwork) or not isinstance(run.stream, PatchStream):
        raise DarkroomError(
            f"{path} holds no network that translates label maps or images: take a run of pix2pix, pix2pixhd or asapnet"
        )
    dataset = run.stream.dataset
    palette, classes = getattr(dataset, "palette", ()), getattr(dataset, "classes", ())
    return Translator(run.network, palette=palette, classes=classes, size=run.stream.size, resize=resize, device=device)


def is_original(path: Path) -> bool:
    """Whether a file is a checkpoint of the original pix2pix's U-Net."""
    return path.is_file() and not core_weights.is_safetensors(path) and _original(path) is not None


def _original(path: Path) -> UNetGenerator | None:
    state = torch_files.load(path)
    with limited_by(path):
        return UNetGenerator.from_state_dict(state)


def translate(source: Any, weights: str | Path | Translator, instances: Any = None, **options: Any) -> Any:
    """Translate a label map to a photograph, or an image to an image.

    Args:
        source: a label map of ids or of the exact colours of the dataset's palette, or an image for weights that take images:
            the path of a file (the result is a PIL image), a PIL image, an array `(height, width[, 3])`, or a tensor
            `([1 or 3, ]height, width)` (the result is a float tensor).
        weights: see `make_translator`; or what it returned, which saves time if it is used again.
        instances: a map of instances, of the same kinds, for weights that use their edges; see `Translator`.
        options: of `make_translator`.

    Raises:
        DarkroomError: the weights cannot be read, or the source is not what they take.

    Example:
        >>> photograph = translate("painted.png", "pix2pix/facades")  # doctest: +SKIP
        >>> photograph.save("photograph.png")  # doctest: +SKIP

        >>> from darkroom.networks.pix2pix import UNetGenerator
        >>> translator = Translator(UNetGenerator(labels=2, width=4, levels=5), palette=[(0, 0, 0), (255, 0, 0)])
        >>> translate(np.zeros((32, 64), np.uint8), translator).shape
        (32, 64, 3)
    """
    translator = weights if isinstance(weights, Translator) else make_translator(weights, **options)
    objects = None if instances is None else _ids(instances)
    with _naming(source):
        found = translator(translator.source(source), objects)
    if isinstance(source, Tensor):
        return found
    array = images.to_uint8(found).permute(1, 2, 0).numpy()
    return array if isinstance(source, np.ndarray) else Image.fromarray(array)


def translate_files(
    source: str | Path | Sequence[str | Path],
    output: str | Path,
    weights: str | Path | Translator,
    *,
    finished: Callable[[RestoredFile, int], None] = lambda file, total: None,
    **options: Any,
) -> list[RestoredFile]:
    """Translate a file, or every image of a folder; one that cannot be translated does not stop the others.

    Args:
        source: a file or a folder, or several.
        output: a file or a folder; a folder for several sources.
        weights: see `translate`.
        finished: called with every file, and the number of all files.
        options: of `make_translator`.

    Returns:
        What became of each file; `error` says why one was not translated.

    Raises:
        DarkroomError: there is nothing at `source`, the output would overwrite it, or the weights cannot be read.
    """
    sources = [source] if isinstance(source, str | Path) else source
    planned = plan_files([Path(each) for each in sources], Path(output))
    translator = weights if isinstance(weights, Translator) else make_translator(weights, **options)
    files = []
    for path, target in planned:
        try:
            with _naming(path):
                found = translator(translator.source(path))
            files.append(RestoredFile(path, target, remark="; ".join(images.write(target, images.ImageFile(found)))))
        except DarkroomError as error:
            files.append(RestoredFile(path, target, str(error)))
        finished(files[-1], len(planned))
    return files


@contextmanager
def _naming(source: Any) -> Iterator[None]:
    """Put the name of a file into the error messages that do not have it."""
    try:
        yield
    except DarkroomError as error:
        if not isinstance(source, str | Path) or str(source) in str(error):
            raise
        raise DarkroomError(f"{source}: {error}") from error


def _ids(given: Any) -> Tensor:
    if isinstance(given, str | Path):
        return images.read_ids(Path(given)).long()
    ids = given if isinstance(given, Tensor) else torch.from_numpy(np.array(given))
    return ids.long() if ids.ndim == 3 else ids.long()[None]


def _resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(x.shape[1:]) == size:
        return x
    mode = dict(mode="bicubic", antialias=True) if x.is_floating_point() else dict(mode="nearest-exact")
    resized = torch.nn.functional.interpolate(x[None].float(), size, **mode)[0]
    return resized.clamp(0, 1) if x.is_floating_point() else resized.to(x.dtype)
