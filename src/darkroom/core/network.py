"""What an image-to-image network says of itself, so that it can be run over images of any size."""

from abc import ABC

from torch import nn


class RestorationNetwork(nn.Module, ABC):
    """A network called with images `(batch, channels, height, width)` in [0, 1], and with the level if `noise_conditional`.

    Attributes:
        channels: 1 for grey, 3 for RGB.
        halo: an answer depends on input pixels at most this far away; the margin that makes tiling exact.
        grid: it looks at images in cells of this side (pooling, windows); tiles begin on multiples of it.
        scale: side of the answer over side of the input.
        noise_conditional: whether it is told the noise level, `(batch,)` in the image's units.
    """

    channels: int
    halo: int
    grid: int = 1
    scale: int = 1
    noise_conditional: bool = False
