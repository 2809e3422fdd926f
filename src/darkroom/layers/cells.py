"""Images made of whole cells, for networks that look at them in windows or pool."""

from jaxtyping import Float
from torch import Tensor, nn


def whole_cells(
    images: Float[Tensor, "batch channel height width"], side: int
) -> Float[Tensor, "batch channel whole_height whole_width"]:
    """Continued to the right and below to multiples of `side`: by reflection, or by repetition where there is too little."""
    below, right = (-length % side for length in images.shape[-2:])
    if not below and not right:
        return images
    mode = "reflect" if below < images.shape[-2] and right < images.shape[-1] else "replicate"
    return nn.functional.pad(images, (0, right, 0, below), mode=mode)
