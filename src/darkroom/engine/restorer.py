"""A trained network ready for images of any size: batch normalisation folded, in tiles, in bfloat16 where that is safe."""

import copy
import itertools
from collections.abc import Callable
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from darkroom.core.network import RestorationNetwork
from darkroom.engine.precision import TOLERANCE_DB, Precision, bf16_difference, has_fast_bf16
from darkroom.engine.tiling import Tiling
from darkroom.layers.padding import pad_to_multiple
from darkroom.solvers.noise_level import estimate_noise_level


class Restorer:
    """Applies a network to images of any size within a memory budget.

    The network is copied, and its batch normalisations are folded into the convolutions before them. An image is divided into
    tiles with margins as wide as the network's receptive field, so that the result is that of the whole image, up to rounding;
    for networks whose receptive field is wider than `tiling.MAX_MARGIN`, see `Tiling`. The network's `finish` is applied to the
    whole image. Images are padded to multiples of the network's `grid`.

    Construction runs nothing. Whether bfloat16 is used (`bf16`) and the side of the tiles (`tile`) are found at the first image.

    Args:
        network: the network.
        device: where it runs; the CPU if not given.
        memory: bytes that the network's activations may take.
        precision: "32", "bf16", or "auto": bfloat16 where the hardware multiplies it natively and a self-check on these very
            weights changes the PSNR by less than `precision.TOLERANCE_DB`.
        sigma: noise level (0–255 scale) for a noise-conditional network; if not given, it is estimated for every image.

    Example:
        >>> from darkroom.networks.dncnn import DnCNN
        >>> restorer = Restorer(DnCNN(channels=3, width=8, depth=3), precision="32")
        >>> restorer(torch.rand(3, 100, 150)).shape
        torch.Size([3, 100, 150])
    """

    def __init__(
        self,
        network: RestorationNetwork,
        *,
        device: torch.device | None = None,
        memory: int = 512 << 20,
        precision: Precision = "auto",
        sigma: float | None = None,
    ) -> None:
        self.device = device or torch.device("cpu")
        self.channels, self.scale, self.noise_conditional = network.channels, network.scale, network.noise_conditional
        self.memory, self.precision, self.sigma = memory, precision, sigma
        self.tiling = Tiling.of(network)
        self.network = fused(network).to(device=self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.remark = ""

    def __call__(
        self,
        image: Float[Tensor, "channel height width"],
        progress: Callable[[int, int], None] = lambda done, total: None,
        *,
        sigma: float | None = None,
    ) -> Float[Tensor, "channel height2 width2"]:
        """Restore one image, grey or RGB, in [0, 1].

        A grey image is given to a colour network as three equal channels, and the mean of the output's channels is returned; the
        channels of a colour image are given to a grey network one by one.

        Args:
            image: the image.
            progress: called with the number of tiles done and their total.
            sigma: noise level (0–255 scale) for a noise-conditional network, instead of the restorer's.

        Raises:
            DarkroomError: the memory budget is too small for the network.
        """
        sigma = sigma if sigma is not None and self.noise_conditional else self.sigma_for(image)
        if len(image) == self.channels:
            return self._restore(image, sigma, progress)
        if len(image) == 1:
            return self._restore(image.expand(self.channels, -1, -1), sigma, progress).mean(0, keepdim=True)
        return torch.cat([self._restore(channel[None], sigma, progress) for channel in image])

    def sigma_for(self, image: Float[Tensor, "channel height width"]) -> float | None:
        """The noise level (0–255 scale) that a noise-conditional network is given for this image; None for a blind one."""
        if not self.noise_conditional:
            return None
        return self.sigma if self.sigma is not None else 255 * estimate_noise_level(image)

    @cached_property
    def psnr_difference(self) -> float:
        """Change of PSNR by bfloat16 in the self-check, in dB; 0 where bfloat16 is not considered."""
        if not self._in_torch:
            return 0.0
        if self.precision == "bf16" or (self.precision == "auto" and has_fast_bf16(self.device)):
            return bf16_difference(self._run, self.channels, self.scale, self.sigma)
        return 0.0

    @cached_property
    def bf16(self) -> bool:
        """Whether the network runs in bfloat16."""
        if not self._in_torch:
            return False
        if self.precision == "auto":
            return has_fast_bf16(self.device) and self.psnr_difference < TOLERANCE_DB
        return self.precision == "bf16"

    @property
    def arithmetic(self) -> str:
        """What the network computes in, in words."""
        if not self._in_torch:
            return self.network.arithmetic
        return f"bfloat16 (PSNR changed by {self.psnr_difference:.4f} dB in the check)" if self.bf16 else "float32"

    @cached_property
    def tile(self) -> int:
        """Side of the tiles in pixels of the input, without their margins.

        Raises:
            DarkroomError: the memory budget is too small for the network.
        """
        if self.network.bytes_per_pixel is not None:
            return self.tiling.side_within(self.memory, self.network.bytes_per_pixel)
        bf16 = self.bf16  # the self-check must not run while memory is measured

        def run(side: int) -> None:
            zeros = torch.zeros(1, self.channels, side, side)
            self._run(zeros, 25.0, bf16=bf16)

        return self.tiling.side_within(self.memory, self.tiling.bytes_per_pixel(run))

    @property
    def _in_torch(self) -> bool:
        """Whether PyTorch computes the network, so that its precision can be chosen here."""
        return self.network.bytes_per_pixel is None

    def _restore(self, image: Tensor, sigma: float | None, progress: Callable[[int, int], None]) -> Tensor:
        height, width = image.shape[1:]
        padded = pad_to_multiple(image[None], self.tiling.grid)

        def restore(tile: Tensor) -> Tensor:
            return self._run(tile[None], sigma, bf16=self.bf16)[0]

        restored = self.tiling.apply(restore, padded[0], self.tile, progress)[None]
        if self._finisher is not None:
            with torch.no_grad():
                restored = self._finisher.finish(restored, padded, *self._condition(padded, sigma))
        return restored[0, :, : height * self.scale, : width * self.scale]

    @cached_property
    def _finisher(self) -> RestorationNetwork | None:
        """A copy of the network on the CPU, where whole images are kept; None if its `finish` is the default, the identity."""
        if type(self.network).finish is RestorationNetwork.finish:
            return None
        return self.network if self.device.type == "cpu" else copy.deepcopy(self.network).cpu()

    def _run(self, batch: Tensor, sigma: float | None, *, bf16: bool) -> Tensor:
        with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
            batch = batch.to(self.device).contiguous(memory_format=torch.channels_last)
            return self.network.restore_tile(batch, *self._condition(batch, sigma)).float().cpu()

    def _condition(self, batch: Tensor, sigma: float | None) -> tuple[Tensor, ...]:
        if not self.noise_conditional or sigma is None:
            return ()
        return (torch.full((len(batch),), sigma / 255, device=batch.device),)


def fused(network: RestorationNetwork) -> RestorationNetwork:
    """A copy for inference, with every batch normalisation folded into the convolution right before it.

    Example:
        >>> from darkroom.networks.dncnn import DnCNN
        >>> network = DnCNN(channels=1, width=8, depth=3).eval()
        >>> image = torch.rand(1, 1, 16, 16)
        >>> bool(torch.allclose(fused(network)(image), network(image), atol=1e-5))
        True
    """
    network = copy.deepcopy(network).eval().requires_grad_(False)
    for stack in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        for index, (layer, following) in enumerate(itertools.pairwise(list(stack))):
            if isinstance(layer, nn.Conv2d) and isinstance(following, nn.BatchNorm2d):
                stack[index] = fuse_conv_bn_eval(layer, following)
                stack[index + 1] = nn.Identity()
    return network
