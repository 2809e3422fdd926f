"""The contract of image-to-image networks: what has to be known of one to run it over images of any size, in tiles."""

from abc import ABC

from torch import Tensor, nn


class RestorationNetwork(nn.Module, ABC):
    """A network from images to images, for denoising, super-resolution and the like.

    It is called with images `(batch, channels, height, width)` in [0, 1], and with the noise level `(batch,)` in the image's
    units if `noise_conditional`. A network is defined by `forward` and the attributes below. One with an operation on the whole
    image at its end, which would give other results on tiles, also overrides `restore_tile` (everything before that operation)
    and `finish` (that operation), such that

        forward(x, *condition) = finish(restore_tile(x, *condition), x, *condition)

    Attributes:
        channels: 1 for grey, 3 for RGB.
        halo: radius of the receptive field: an output pixel depends on input pixels at most this far away. Tiles with a margin of
            this width give exactly the result of the whole image.
        grid: the network divides images into cells of this side (pooling, windows); tiles begin on multiples of it.
        scale: side of the output over side of the input.
        noise_conditional: whether the noise level is an input.
        bytes_per_pixel: memory that it takes per pixel of the input, where it does not compute with PyTorch; otherwise it is
            measured.
        arithmetic: what it computes in, in words, where it does not compute with PyTorch.

    Example:
        >>> class Sharpen(RestorationNetwork):
        ...     channels, halo = 3, 1
        ...     def forward(self, image):
        ...         return 2 * image - nn.functional.avg_pool2d(image, 3, stride=1, padding=1)
        >>> import torch
        >>> Sharpen()(torch.rand(1, 3, 20, 30)).shape
        torch.Size([1, 3, 20, 30])
    """

    channels: int
    halo: int
    grid: int = 1
    scale: int = 1
    noise_conditional: bool = False
    bytes_per_pixel: float | None = None
    arithmetic: str = "float32"

    def restore_tile(self, image: Tensor, *condition: Tensor) -> Tensor:
        """Restore a part of an image; by default `forward`."""
        restored: Tensor = self(image, *condition)
        return restored

    def finish(self, restored: Tensor, image: Tensor, *condition: Tensor) -> Tensor:
        """Finish a whole image that was put together from restored tiles; by default it is returned as it is.

        Args:
            restored: the output of `restore_tile` for the whole image, `(batch, channels, scale · height, scale · width)`.
            image: the input.
            condition: as for `forward`.
        """
        return restored
