"""Samples of one sampler, with what they cost: quality against compute."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from darkroom.core.cost import multiply_adds
from darkroom.core.dataset import Dataset
from darkroom.core.evaluation import Outcome, Predictor, Progress, no_progress
from darkroom.core.generative import GenerativeMethod
from darkroom.core.method import Method
from darkroom.core.metric import Metric, Score
from darkroom.core.randomness import generator
from darkroom.core.record import Variant
from darkroom.evaluations.generated_samples import GeneratedSamples
from darkroom.metrics.cost import Cost, giga_multiply_adds

network_evaluations = Cost(
    "network_evaluations",
    "evaluations",
    "",
    "forward passes of the network that generates, for one sample.",
    higher_is_better=False,
    digits=0,
    quality="other",
)
"""Forward passes for one sample."""


class CostedSamples(GeneratedSamples):
    """`GeneratedSamples` of a named sampler; and the multiply-adds and network evaluations of one sample.

    Multiply-adds are counted over everything that the sampler computes, gradients included, so that samplers of score models and
    of GANs compare. The reference images may be the training images, as in published tables; so these are not taken for an
    overlap of test and training data.

    Args:
        images, count, metrics, baselines, seed, optional, batch_size: see `GeneratedSamples`.
        sampler: its name; see `GenerativeMethod.samplers`. It is the column's variant, with the steps.
        steps: of the sampler; 0 leaves the number to the method.
        settings: of the sampler, in words, for the protocol.
    """

    def __init__(
        self,
        images: Dataset,
        count: int,
        metrics: Sequence[Metric],
        *,
        sampler: str,
        steps: int,
        settings: str = "",
        baselines: Mapping[str, Predictor] | None = None,
        seed: int = 0,
        optional: bool = False,
        batch_size: int = 64,
    ) -> None:
        variant: Variant = {"sampler": sampler, **({"steps": float(steps)} if steps else {})}
        super().__init__(
            images, count, metrics, variant=variant, baselines=baselines, seed=seed, optional=optional, batch_size=batch_size
        )
        self.metrics = (*self.metrics, network_evaluations, giga_multiply_adds)
        self.sampler, self.steps, self.settings = sampler, steps, settings

    def protocol(self) -> str:
        named = f"; {self.settings}" if self.settings else ""
        return f"{self.count} samples against the images of {self.images.name}{named}"

    def predictor(self, method: Method) -> Predictor:
        if not isinstance(method, GenerativeMethod):
            raise TypeError(f"{type(method).__name__} draws no samples")
        return _Draws(method, self.sampler, self.steps)

    def digests(self) -> dict[str, str]:
        return {}

    def evaluate(self, predictor: Predictor, device: torch.device, progress: Progress = no_progress) -> Outcome:
        quality = [metric for metric in self.metrics if not isinstance(metric, Cost)]
        outcome = GeneratedSamples.evaluate(self.with_metrics(quality), predictor, device, progress)
        with torch.inference_mode():
            counted = multiply_adds(lambda: predictor(1, generator(self.seed, "cost")))
        evaluations = predictor.evaluations if isinstance(predictor, _Draws) else 0
        costs = {network_evaluations: float(evaluations), giga_multiply_adds: counted / 1e9}
        scores = {metric.name: Score(costs[metric], None, self.count) for metric in self.metrics if metric in costs}
        return replace(outcome, scores={**outcome.scores, **scores})


@dataclass
class _Draws:
    """A method's samples by one sampler; `evaluations` are the forward passes for a sample of the last batch."""

    method: GenerativeMethod
    sampler: str
    steps: int
    evaluations: float = 0.0

    def __call__(self, count: int, random: torch.Generator) -> Tensor:
        rows: list[int] = []
        network = next(iter(self.method.networks().values()))
        hook = network.register_forward_pre_hook(lambda module, inputs: rows.append(len(inputs[0])))
        try:
            samples = self.method.sample(count, random, sampler=self.sampler, steps=self.steps)
        finally:
            hook.remove()
        self.evaluations = sum(rows) / count
        return samples
