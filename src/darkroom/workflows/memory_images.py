"""Images in memory, of whatever library: PIL images, arrays, tensors and the paths of files, to planes and back."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from darkroom.core import images
from darkroom.core.errors import DarkroomError

Function = Callable[[Tensor], Tensor]
"""An image `(channel, height, width)` in [0, 1] to an image, perhaps of another size."""


@dataclass(frozen=True)
class Planes:
    """Images of one size as planes, and how to make images of the same kind again.

    Args:
        pixels: `(batch, channel, height, width)`, grey or RGB, float32 in [0, 1].
        alpha: opacity `(batch, 1, height, width)` in [0, 1], or None.
        rebuild: images of the original kind from `(batch, channel, height, width)` in [0, 1], alpha being the last channel.
    """

    pixels: Tensor
    alpha: Tensor | None
    rebuild: Callable[[Tensor], Any]


def apply(image: Any, restore: Function, upscale_alpha: Function) -> Any:
    """Apply a function to an image of any kind; the result is of the same kind, a PIL image for a path.

    Args:
        image: a path, a PIL image, an array `(height, width[, channel])`, or a tensor `([batch, ]channel, height, width)`.
        restore: for grey or RGB planes.
        upscale_alpha: for the plane of opacity.

    Raises:
        DarkroomError: it is none of these, or its values are not in [0, 1] or of 8 or 16 bits.

    Example:
        >>> apply(np.full((4, 6, 3), 200, np.uint8), lambda x: x / 2, lambda x: x)[0, 0]
        array([100, 100, 100], dtype=uint8)
    """
    planes = to_planes(image)
    restored = torch.stack([restore(pixels) for pixels in planes.pixels])
    if planes.alpha is not None:
        alpha = torch.stack([upscale_alpha(plane) for plane in planes.alpha])
        restored = torch.cat([restored, alpha], dim=1)
    return planes.rebuild(restored)


def to_planes(image: Any) -> Planes:
    """The planes of an image of any kind; see `apply`."""
    if isinstance(image, str | Path):
        return _of_file(Path(image))
    if isinstance(image, Image.Image):
        return _of_pil(image)
    if isinstance(image, np.ndarray):
        return _of_array(image)
    if isinstance(image, Tensor):
        return _of_tensor(image)
    raise DarkroomError(f"an image is a path, a PIL image, an array or a tensor, not {type(image).__name__}")


def _of_file(path: Path) -> Planes:
    file = images.read(path)
    alpha = None if file.alpha is None else file.alpha[None]
    return Planes(file.pixels[None], alpha, lambda restored: Image.fromarray(_squeezed(_hwc(images.to_uint8(restored)))))


def _of_pil(image: Image.Image) -> Planes:
    if image.mode.startswith(("I", "F")):
        raise DarkroomError(f"PIL images of mode {image.mode} are not supported: give the file, an array or a tensor")
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    planes = _of_array(np.asarray(image))
    return Planes(planes.pixels, planes.alpha, lambda restored: Image.fromarray(planes.rebuild(restored)))


def _of_array(array: np.ndarray) -> Planes:
    if not array.size:
        raise DarkroomError(f"an image has at least one pixel; the array is {array.shape}")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 2, 3, 4)):
        raise DarkroomError(f"an image array is (height, width) or (height, width, 1 to 4 channels), not {array.shape}")
    channels_first = np.array(np.atleast_3d(array).transpose(2, 0, 1), order="C")
    kind, flat = array.dtype, array.ndim == 2
    values = _unit(torch.from_numpy(channels_first), str(kind))[None]

    def rebuild(restored: Tensor) -> np.ndarray:
        whole = _hwc(_of_kind(restored, channels_first.dtype))
        return whole[..., 0] if flat else whole

    if values.shape[1] in (2, 4):
        return Planes(values[:, :-1], values[:, -1:], rebuild)
    return Planes(values, None, rebuild)


def _of_tensor(tensor: Tensor) -> Planes:
    if not tensor.numel():
        raise DarkroomError(f"an image has at least one pixel; the tensor is {tuple(tensor.shape)}")
    if tensor.ndim not in (3, 4) or tensor.shape[-3] not in (1, 3):
        raise DarkroomError(
            f"an image tensor is ([batch, ]channel, height, width) with 1 or 3 channels, not {tuple(tensor.shape)}"
        )
    one = tensor.ndim == 3
    values = _unit(tensor.detach().cpu(), str(tensor.dtype))

    def rebuild(restored: Tensor) -> Tensor:
        whole = images.to_uint8(restored) if tensor.dtype == torch.uint8 else restored.to(tensor.dtype)
        return (whole[0] if one else whole).to(tensor.device)

    return Planes(values[None] if one else values, None, rebuild)


def _unit(values: Tensor, kind: str) -> Tensor:
    """Integers of 8 or 16 bits, or floats in [0, 1], as float32 in [0, 1]."""
    if values.dtype in (torch.uint8, torch.uint16):
        return images.to_float(values)
    if not values.is_floating_point():
        raise DarkroomError(f"pixels are uint8, uint16 or float in [0, 1], not {kind}")
    low, high = values.amin().item(), values.amax().item()
    if not -1 <= low <= high <= 2:  # noise may leave [0, 1]; values up to 255 are a mistake
        raise DarkroomError(
            f"float pixels are in [0, 1]; these are between {low:.4g} and {high:.4g}: divide them, or give uint8"
        )
    return values.float()


def _of_kind(restored: Tensor, kind: np.dtype) -> Tensor:
    if kind == np.uint8:
        return images.to_uint8(restored)
    if kind == np.uint16:
        return (restored.clamp(0, 1).double() * 65535).round().to(torch.uint16)
    return torch.from_numpy(restored.numpy().astype(kind))


def _hwc(batch: Tensor) -> np.ndarray:
    """The only image of a batch, `(height, width, channel)`."""
    return np.ascontiguousarray(batch[0].permute(1, 2, 0).numpy())


def _squeezed(array: np.ndarray) -> np.ndarray:
    """A grey image without the axis of channels, as Pillow has it."""
    return array[..., 0] if array.shape[2] == 1 else array
