"""Blind deblurring of images of any size: a network estimates the kernel of every pixel, then the blur is inverted."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from darkroom.core.images import ImageFile, write
from darkroom.engine.tiling import MAX_MARGIN, Tiling
from darkroom.networks.kernel_net import LEVELS, KernelNet
from darkroom.operators.kernel_field import KernelField
from darkroom.operators.kernel_images import basis_image, field_image
from darkroom.solvers.blind import Restoration, restorations

HALF_FROM = 4_000_000
"""Pixels of an image from which its masks are kept in half precision: 25 masks of 12 megapixels take 600 MB so."""


class BlindDeblurrer:
    """Deblurs images by the kernel field that a network estimates; called like a `Restorer`.

    The network runs in tiles within a memory budget. Its kernels depend on the means of its features over the whole image, which
    are taken over all tiles; its masks are blended where tiles overlap. An image that fits into one tile gets exactly what the
    network gives. Colour and grey images are taken.

    Args:
        network: estimates the field.
        device: where everything runs; the CPU if not given.
        memory: bytes that the network's activations may take.
        restoration: how the blur is inverted.

    Example:
        >>> deblurrer = BlindDeblurrer(KernelNet(width=2, basis=2), restoration=Restoration(steps=2))
        >>> deblurrer(torch.rand(3, 50, 70)).shape
        torch.Size([3, 50, 70])
    """

    scale, arithmetic, remark = 1, "float32", ""

    def __init__(
        self,
        network: KernelNet,
        *,
        device: torch.device | None = None,
        memory: int = 512 << 20,
        restoration: Restoration = Restoration(),  # noqa: B008  (frozen)
    ) -> None:
        self.device, self.memory, self.restoration = device or torch.device("cpu"), memory, restoration
        self.network = network.eval().to(self.device)
        self.tiling = Tiling(MAX_MARGIN, 2**LEVELS, 1, MAX_MARGIN // 2)
        self.last: tuple[Float[Tensor, "channel height width"], KernelField] | None = None

    @torch.inference_mode()
    def __call__(
        self, image: Float[Tensor, "channel height width"], progress: Callable[[int, int], None] = lambda done, total: None
    ) -> Float[Tensor, "channel height width"]:
        """Deblur one image in [0, 1]; `last` holds it and its kernel field afterwards.

        Args:
            image: the image.
            progress: called with the number of iterations done and their total.

        Raises:
            DarkroomError: the memory budget is too small for the network.
        """
        field = self.estimate(image)
        self.last = (image, field)
        batched = KernelField(*(part[None].to(self.device) for part in field))
        restored = image
        for done, batch in enumerate(restorations(image[None].to(self.device), batched, self.restoration), 1):
            restored = batch[0]
            progress(done, self.restoration.steps)
        return restored.cpu()

    @torch.inference_mode()
    def estimate(self, image: Float[Tensor, "channel height width"]) -> KernelField:
        """The kernel field of an image, on the CPU."""
        half = image[0].numel() >= HALF_FROM
        sums: list[Tensor] = []
        seen = 0

        def masks_of(tile: Tensor) -> Tensor:
            nonlocal sums, seen
            features, bottom = self.network.encode(tile[None].to(self.device))
            means = [level.mean((2, 3)) * tile[0].numel() for level in (*features, bottom)]
            sums = [total + new for total, new in zip(sums, means, strict=True)] if sums else means
            seen += tile[0].numel()
            masks = self.network.masks_of(features, bottom)[0, :, : tile.shape[1], : tile.shape[2]].cpu()
            return masks.half() if half else masks

        masks = self.tiling.apply(masks_of, image, self.tile, lambda done, total: None)
        kernels = self.network.kernels_of([total / seen for total in sums])[0].cpu()
        return KernelField(kernels, masks)

    def write_figures(self, output: Path) -> list[Path]:
        """Write the last image's kernels over the image, `NAME_kernels.png`, and their basis with the masks, `NAME_basis.png`.

        Args:
            output: the restored image's file, beside which they are written.

        Returns:
            Their paths; none before the first image.

        Raises:
            DarkroomError: they cannot be written.
        """
        if self.last is None:
            return []
        image, field = self.last
        figures = {"kernels": field_image(image, field), "basis": basis_image(field)}
        written = []
        for kind, figure in figures.items():
            path = output.with_name(f"{output.stem}_{kind}.png")
            write(path, ImageFile(figure.clamp(0, 1)))
            written.append(path)
        return written

    @cached_property
    def tile(self) -> int:
        """Side of the tiles in pixels, without their margins.

        Raises:
            DarkroomError: the memory budget is too small for the network.
        """

        def run(side: int) -> None:
            self.network(torch.zeros(1, 3, side, side, device=self.device))

        with torch.inference_mode():
            return self.tiling.side_within(self.memory, self.tiling.bytes_per_pixel(run))
