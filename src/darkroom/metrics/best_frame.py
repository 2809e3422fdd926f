"""The score of Köhler et al. (2012): the best match over the frames of a trajectory, after a global scale and shift."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from darkroom.core.averages import deviation, mean
from darkroom.core.errors import DarkroomError
from darkroom.core.images import round_to_8_bits, to_float
from darkroom.core.metric import Accumulator, Metric, Score
from darkroom.metrics.fidelity import psnr, ssim
from darkroom.metrics.per_image import PerImageMetric

Image = Float[Tensor, "channel height width"]

_MATCHED = (
    "after the prediction, rounded to 8 bits, is scaled by the factor and shifted by the whole pixels that match it best to a sharp "
    "frame, where pixels without counterpart count as equal; the best over all frames of the trajectory; mean over images (Köhler et "
    "al. 2012)."
)


@dataclass(frozen=True)
class BestFrame(Metric):
    """A metric against the best of several frames, the largest value over them.

    For each frame a and the prediction b, α = ⟨a, b⟩/⟨b, b⟩; T is the shift by whole pixels with the largest circular
    cross-correlation of the means over the channels; compared are T(αb) and a, both 0 where T(αb) is not defined.

    Args:
        compare: the metric of one pair of images.
    """

    compare: PerImageMetric = field(kw_only=True, compare=False, repr=False)

    def accumulator(self, device: torch.device) -> Accumulator:
        return _Best(self)


class _Best:
    """The values of the images so far; frames are compared one by one, as all of them as floats would take gigabytes."""

    def __init__(self, metric: BestFrame) -> None:
        self.metric = metric
        self.values: list[float] = []

    @torch.no_grad()
    def update(self, prediction: Float[Tensor, "batch c h w"], target: UInt8[Tensor, "batch frame c h w"]) -> None:
        for image, frames in zip(round_to_8_bits(prediction), target, strict=True):
            self.values.append(max(self._score(image, to_float(frame)) for frame in frames))

    def compute(self) -> Score:
        if not self.values:
            raise DarkroomError(f"{self.metric.title}: the test set has no images")
        return Score(mean(self.values), deviation(self.values), len(self.values), tuple(self.values))

    def _score(self, image: Image, frame: Image) -> float:
        ours, theirs = matched(image, frame)
        return self.metric.compare.function(ours[None], theirs[None]).item()


def matched(image: Image, frame: Image) -> tuple[Image, Image]:
    """An image scaled and shifted to match a frame, and the frame, both 0 where the shifted image is not defined.

    Example:
        >>> frame = torch.rand(3, 20, 24, generator=torch.Generator().manual_seed(0))
        >>> ours, theirs = matched(0.5 * frame.roll((2, -3), (1, 2)), frame)
        >>> ours.shape == theirs.shape, theirs[:, -2:].max().item(), theirs[:, :, :3].max().item()
        (True, 0.0, 0.0)
    """
    height, width = image.shape[1:]
    scaled = (frame * image).sum() / image.square().sum().clamp(min=1e-12) * image
    of_frame, of_image = (torch.fft.rfft2(x.mean(0).double()) for x in (frame, scaled))
    best = int(torch.fft.irfft2(of_frame * of_image.conj(), (height, width)).argmax())
    down, right = (at - length if 2 * at > length else at for at, length in ((best // width, height), (best % width, width)))
    defined = torch.zeros_like(image[:1])
    defined[:, max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)] = 1
    return scaled.roll((down, right), (1, 2)) * defined, frame * defined


best_frame_psnr = BestFrame(
    "best_frame_psnr",
    "PSNR, best frame",
    "dB",
    f"PSNR, peak 1, {_MATCHED}",
    digits=2,
    tolerance=0.1,
    relative_tolerance=0.0,
    compare=psnr,
)
"""PSNR as Köhler's benchmark computes it."""

best_frame_ssim = BestFrame(
    "best_frame_ssim",
    "SSIM, best frame",
    "",
    f"SSIM (11x11 Gaussian window of deviation 1.5, mean over channels), {_MATCHED}",
    compare=ssim,
)
"""SSIM in the same way."""
