"""What a recipe returns: everything that `fit` and the evaluations need, as built objects."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.optim import Optimizer

from darkroom.core.method import Method, Predict
from darkroom.core.network import RestorationNetwork
from darkroom.core.stream import Stream
from darkroom.data.image_set import ImageSet
from darkroom.data.streams import ByName, Degradation, Ways
from darkroom.metrics.fidelity import Metric

Schedule = Callable[[float], float]
"""Learning-rate factor as a function of progress in [0, 1): stateless, so resuming needs nothing."""


def constant(progress: float) -> float:
    """1 from beginning to end."""
    return 1.0


@dataclass(frozen=True)
class Optimization:
    """How one network is trained.

    Args:
        build: makes the network's optimizer. A group of parameters with a "factor" moves at that many times the rate.
        rate: the learning rate before the schedule.
        schedule: factor on the rate by progress (step / steps).
        clip: largest norm of the network's gradient, or None.
    """

    build: Callable[[nn.Module], Optimizer]
    rate: float
    schedule: Schedule = constant
    clip: float | None = None


def adam(
    rate: float,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    schedule: Schedule = constant,
    clip: float | None = None,
) -> Optimization:
    """Adam (Kingma & Ba 2015)."""
    return Optimization(lambda network: torch.optim.Adam(network.parameters(), lr=rate, betas=betas), rate, schedule, clip)


def tenth_after(*milestones: float) -> Schedule:
    """The rate divided by ten after each milestone, a share of the whole training."""
    return lambda progress: 0.1 ** sum(progress >= milestone for milestone in milestones)


def halved_after(*milestones: float) -> Schedule:
    """The rate halved after each milestone, a share of the whole training."""
    return lambda progress: 0.5 ** sum(progress >= milestone for milestone in milestones)


def exponential(last: float) -> Schedule:
    """From 1 to `last`, by the same factor every step."""
    return lambda progress: last**progress


def linear(progress: float) -> float:
    """From 1 to 0 along a line."""
    return 1 - progress


def cosine(progress: float) -> float:
    """From 1 to 0 along half a cosine (Loshchilov & Hutter 2017, without restarts)."""
    return 0.5 * (1 + float(torch.cos(torch.tensor(progress * torch.pi))))


Variant = Mapping[str, float | str]
"""What distinguishes columns of a table on the same images, for example `{"sigma": 25.0}`."""


def spell_variant(variant: Variant) -> list[str]:
    """Each variant thing as words, for example `["sigma 25"]`."""
    return [f"{key} {value:g}" if isinstance(value, float | int) else f"{key} {value}" for key, value in variant.items()]


@dataclass(frozen=True)
class Evaluation:
    """A set of images, what is done to them, and how answers are scored.

    The generator is seeded anew before every image, as the published denoising tables do.

    Args:
        images: the clean images; their name is the column's name.
        degrade: makes the question from a clean image, or several questions, or one that depends on which image it is.
        metrics: the protocols.
        variant: what distinguishes this evaluation from others on the same images, for example `{"sigma": 25}`.
        baselines: what else answers the same questions and stands in the table, by name.
        seed: of the degradation.
        optional: leave this evaluation out, and say so, where its images are not there.
    """

    images: ImageSet
    degrade: Degradation | Ways | ByName
    metrics: Sequence[Metric]
    variant: Variant = field(default_factory=dict)
    baselines: Mapping[str, Predict] = field(default_factory=dict)
    seed: int = 0
    optional: bool = False

    def degradations(self, name: str) -> Sequence[Degradation]:
        """All that are done to the image of this name."""
        if isinstance(self.degrade, Ways):
            return self.degrade.ways()
        return (self.degrade.of(name) if isinstance(self.degrade, ByName) else self.degrade,)


@dataclass(frozen=True)
class Published:
    """A number as printed in a paper.

    Args:
        metric, dataset, variant: the column it belongs in.
        value: as printed.
        source: paper and table.
        method: whose number it is: "ours" for the row's own, the name of a baseline, or somebody else's
            method, which then stands in the table to be looked at.
    """

    metric: str
    dataset: str
    value: float
    source: str
    variant: Variant = field(default_factory=dict)
    method: str = "ours"


@dataclass(frozen=True)
class Study:
    """A question that several rows answer together: how far are two ways apart, and does more of something close the gap?

    Args:
        along: a setting that is a number, the horizontal axis.
        between: the setting by which the two ways differ.
        first, second: its two values; the gap is the first's score minus the second's.
    """

    along: str
    between: str
    first: str
    second: str


@dataclass(frozen=True)
class Run:
    """One row of a paper's table, ready to be trained and evaluated.

    Args:
        method: the training rule with its networks.
        stream: what it learns from.
        optimizers: how each network is trained, by the network's name.
        steps: length of the training.
        validation: evaluated as training goes on; its first metric chooses `best.safetensors`.
        validate_every: steps between validations.
        evaluations: evaluated once, at the end, with the final weights.
        ema: decay of the exponential average of weights that is evaluated in their place, or None.
        restorer: the network that `darkroom apply` runs over images, or None.
        needs: looks up, before training begins, what else has to be there (features of another network).
        remarks: what a person should know of the data, once it has been looked up.
        seed: the seed that the run depends on.
    """

    method: Method
    stream: Stream
    optimizers: Mapping[str, Optimization]
    steps: int
    validation: Evaluation
    validate_every: int
    evaluations: Sequence[Evaluation]
    ema: float | None = None
    restorer: RestorationNetwork | None = None
    needs: Sequence[Callable[[], object]] = ()
    remarks: Callable[[], Sequence[str]] = tuple
    seed: int = 0
