"""Evaluation against the frames of a trajectory: any of them may be the sharp image."""

from collections.abc import Sequence

from torch import Tensor

from darkroom.core.crops import centre_crops
from darkroom.core.evaluation import PREVIEW_SIDE, Predictor, Preview
from darkroom.core.images import to_float
from darkroom.core.method import Example, Method
from darkroom.core.metric import Metric
from darkroom.data.koehler import Koehler
from darkroom.evaluations.paired_images import PairedImages
from darkroom.operators.linear_light import from_linear, to_linear


class TrajectoryFrames(PairedImages):
    """Predictions for photographs of camera shake are compared with all frames along the shake's trajectory.

    Args:
        dataset: photographs, and frames as their target `(frame, channel, height, width)`.
        metrics: that take several frames, such as `metrics.best_frame`.
        linear_gamma: γ for methods that take gamma-coded images, where the photographs are in linear light: they are coded
            for the method, and its prediction is decoded. 1 gives the photographs to the method as they are.
        baselines, optional: see `Evaluation`.
    """

    def __init__(
        self,
        dataset: Koehler,
        metrics: Sequence[Metric],
        *,
        linear_gamma: float = 1.0,
        optional: bool = False,
    ) -> None:
        super().__init__(dataset, None, metrics, baselines={"blurred input": _input}, optional=optional)
        self.linear_gamma = linear_gamma

    def protocol(self) -> str:
        taken = (
            ""
            if self.linear_gamma == 1
            else f", taken for linear light and coded with gamma {self.linear_gamma:g} for the method"
        )
        return f"photographs of real camera shake{taken}; compared with the best frame of the trajectory"

    def predictor(self, method: Method) -> Predictor:
        def predict(batch: Example) -> Tensor:
            coded = batch._replace(input=from_linear(batch.input, self.linear_gamma))
            return to_linear(method.predict(coded), self.linear_gamma)

        return predict

    def preview(self, name: str, example: Example, prediction: Tensor) -> Preview:
        middle = to_float(example.target[len(example.target) // 2])
        images = centre_crops(example.input, prediction, middle, side=PREVIEW_SIDE)
        return Preview(name, dict(zip(("input", "prediction", "target"), images, strict=True)))


def _input(batch: Example) -> Tensor:
    return batch.input
