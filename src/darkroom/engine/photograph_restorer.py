"""Restoration of photographs whose degradation is not known: by the network that fits, chosen for every image."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from darkroom.engine.restorer import Restorer
from darkroom.solvers.blockiness import blockiness
from darkroom.solvers.noise_level import estimate_noise_level

BLOCKS_SEEN = 1.15
"""Blockiness from which an image is taken for a JPEG with artefacts; photographs without compression have 0.98 to 1.06."""

NOISE_SEEN = 2.5
"""Estimated noise level (0–255 scale) below which an image is said to have hardly any noise."""

NOISE_PREVAILS = 15.0
"""Estimated noise level from which noise prevails over the artefacts of compression; texture alone is estimated as up to 12."""


class PhotographRestorer:
    """Restores images by one of two networks: a denoiser, or one against the artefacts of JPEG where blocks are seen.

    The choice for the last image and its reason are in `remark`. It is called as a `Restorer`.

    Args:
        denoise: of noise, blind.
        jpeg: of JPEG artefacts, blind.

    Example:
        >>> import torch
        >>> from darkroom.networks.small_unet import SmallUNet
        >>> restorer = Restorer(SmallUNet(widths=(4, 4, 4)), precision="32")
        >>> both = PhotographRestorer(restorer, restorer)
        >>> both(torch.rand(3, 40, 50, generator=torch.Generator().manual_seed(0))).shape, both.remark[:8]
        (torch.Size([3, 40, 50]), 'denoised')
    """

    scale, noise_conditional = 1, False

    def __init__(self, denoise: Restorer, jpeg: Restorer) -> None:
        self.denoise, self.jpeg = denoise, jpeg
        self.remark = ""

    def __call__(
        self, image: Float[Tensor, "channel height width"], progress: Callable[[int, int], None] = lambda done, total: None
    ) -> Float[Tensor, "channel height width"]:
        """Restore one image, grey or RGB, in [0, 1].

        Args:
            image: the image.
            progress: called with the number of tiles done and their total.

        Raises:
            DarkroomError: the memory budget is too small for the networks.
        """
        sigma, blocks = 255 * estimate_noise_level(image), blockiness(image)
        if blocks >= BLOCKS_SEEN and sigma < NOISE_PREVAILS:
            self.remark = f"artefacts of JPEG removed: blocks are seen, blockiness {blocks:.2f}"
            return self.jpeg(image, progress)
        strength = f"of sigma about {sigma:.0f}" if sigma >= NOISE_SEEN else "is hardly there"
        self.remark = f"denoised: noise {strength}"
        return self.denoise(image, progress)

    @property
    def arithmetic(self) -> str:
        """What the networks compute in, in words."""
        return " and ".join(dict.fromkeys((self.denoise.arithmetic, self.jpeg.arithmetic)))
