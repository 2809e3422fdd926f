"""Figures of a kernel field: kernels laid over the image where they act, and the basis with its masks."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from darkroom.core.images import to_float
from darkroom.operators.kernel_field import KernelField

COLUMNS = 5
"""Of the figure of the basis, at most."""

TILE = 128
"""Longer side of a mask in the figure of the basis, in pixels."""

LIGHT = (1.0, 0.85, 0.2)
"""Colour of a kernel, RGB."""


def field_image(
    image: Float[Tensor, "channel height width"], field: KernelField, spacing: int = 0
) -> Float[Tensor, "3 height width"]:
    """The image, darkened, with the kernels of evenly spaced pixels drawn around them in their true size, each as bright as it can be.

    Args:
        image: in [0, 1].
        field: of the image.
        spacing: of the pixels; 0 for the kernels' side plus a third of it, and for at most 32 of them along a side.
    """
    height, width = image.shape[1:]
    side = max(field.kernels.shape[-2:])
    spacing = spacing or max(side + side // 3, max(height, width) // 32)
    canvas = 0.45 * image.mean(0, keepdim=True).expand(3, -1, -1).clone()
    down, right = (size // 2 for size in field.kernels.shape[-2:])
    overlay = image.new_zeros(height + 2 * down, width + 2 * right)
    rows, columns = _centres(height, spacing), _centres(width, spacing)
    for row in rows:
        kernels = field.at(row.expand(len(columns)), columns)
        for column, kernel in zip(columns.tolist(), kernels, strict=True):
            place = overlay[int(row) : int(row) + 2 * down + 1, column : column + 2 * right + 1]
            torch.maximum(place, kernel / kernel.max().clamp(min=1e-8), out=place)
    opacity = overlay[down : down + height, right : right + width].sqrt()
    return torch.lerp(canvas, image.new_tensor(LIGHT).view(3, 1, 1).expand_as(canvas), opacity)


def basis_image(field: KernelField) -> Float[Tensor, "3 height width"]:
    """Every basis kernel beside its mixing mask, the one with the largest share first; white is 1 in a mask."""
    basis, height, width = field.masks.shape
    scale = TILE / max(height, width)
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    masks = interpolate(field.masks[None].float(), size, mode="bilinear", align_corners=False, antialias=scale < 1)[0]
    side = max(field.kernels.shape[-2:])
    enlarged, columns = side * max(1, round(TILE / 2 / side)), min(COLUMNS, basis)
    cell = (max(size[0], enlarged), size[1] + enlarged + 4)
    rows = -(-basis // columns)
    canvas = torch.full((3, rows * (cell[0] + 6), columns * (cell[1] + 6)), 0.12)
    for place, b in enumerate(field.masks.float().mean((1, 2)).argsort(descending=True).tolist()):
        top, left = place // columns * (cell[0] + 6) + 3, place % columns * (cell[1] + 6) + 3
        kernel = field.kernels[b] / field.kernels[b].max().clamp(min=1e-8)
        shown = interpolate(kernel[None, None], (enlarged, enlarged), mode="nearest")[0].sqrt().cpu()
        canvas[:, top : top + enlarged, left : left + enlarged] = shown * torch.tensor(LIGHT).view(3, 1, 1)
        left += enlarged + 4
        canvas[:, top : top + size[0], left : left + size[1]] = masks[b].cpu()
    return to_float((255 * canvas.clamp(0, 1)).round().to(torch.uint8))


def _centres(length: int, spacing: int) -> Tensor:
    """Evenly spaced positions with equal margins."""
    count = max(1, length // spacing)
    return ((torch.arange(count) + 0.5) * length / count).long()
