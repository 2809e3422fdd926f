"""What a recipe returns: everything that `fit` and the judges need, as built objects."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from darkroom.core.method import Method
from darkroom.core.network import RestorationNetwork
from darkroom.data.pictures import Pictures
from darkroom.data.streams import Degradation, Stream
from darkroom.metrics.fidelity import Metric

Schedule = Callable[[float], float]
"""Learning-rate factor as a function of progress in [0, 1): stateless, so resuming needs nothing."""


@dataclass(frozen=True)
class Optimization:
    """How one player is trained.

    Args:
        build: makes the optimizer from the player's parameters.
        rate: the learning rate before the schedule.
        schedule: factor on the rate by progress (step / steps).
        clip: largest norm of the player's gradient, or None.
    """

    build: Callable[[Iterable[nn.Parameter]], Optimizer]
    rate: float
    schedule: Schedule = lambda progress: 1.0
    clip: float | None = None


def adam(
    rate: float,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    schedule: Schedule = lambda progress: 1.0,
    clip: float | None = None,
) -> Optimization:
    """Adam (Kingma & Ba 2015)."""
    return Optimization(lambda parameters: torch.optim.Adam(parameters, lr=rate, betas=betas), rate, schedule, clip)


def tenth_after(*milestones: float) -> Schedule:
    """The rate divided by ten after each milestone, a share of the whole training."""
    return lambda progress: 0.1 ** sum(progress >= milestone for milestone in milestones)


def linear(progress: float) -> float:
    """From 1 to 0 along a line."""
    return 1 - progress


def cosine(progress: float) -> float:
    """From 1 to 0 along half a cosine (Loshchilov & Hutter 2017, without restarts)."""
    return 0.5 * (1 + float(torch.cos(torch.tensor(progress * torch.pi))))


@dataclass(frozen=True)
class Judge:
    """A set of pictures, what is done to them, and how answers are scored.

    The generator is seeded anew before every picture, as the published denoising tables do.

    Args:
        pictures: the clean pictures; their name is the column's name.
        degrade: makes the question from a clean picture.
        metrics: the protocols.
        varied: what distinguishes this judge from others on the same pictures, for example `{"sigma": 25}`.
        seed: of the degradation.
    """

    pictures: Pictures
    degrade: Degradation
    metrics: Sequence[Metric]
    varied: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True)
class Published:
    """A number as printed in a paper.

    Args:
        metric, dataset, varied: the column it belongs in.
        value: as printed.
        source: paper and table.
    """

    metric: str
    dataset: str
    value: float
    source: str
    varied: Mapping[str, float] = field(default_factory=dict)


Baseline = Callable[[Tensor, float], Tensor]
"""A method that was not trained: `(picture (channel, height, width), level in picture units) -> picture`."""


@dataclass(frozen=True)
class Run:
    """One row of a paper's table, ready to be trained and judged.

    Args:
        method: the training rule with its networks.
        stream: what it learns from.
        optimizers: how each player is trained, by the player's name.
        steps: length of the training.
        validation: judged as training goes on; its first metric chooses `best.safetensors`.
        validate_every: steps between validations.
        judges: judged once, at the end, with the final weights.
        baselines: what else stands in the table, by name; run on the judges that vary `sigma`.
        averaging: decay of the exponential average of weights that is judged in their place, or None.
        restorer: the network that `darkroom apply` runs over pictures, or None.
        seed: the seed that the run depends on.
    """

    method: Method
    stream: Stream
    optimizers: Mapping[str, Optimization]
    steps: int
    validation: Judge
    validate_every: int
    judges: Sequence[Judge]
    baselines: Mapping[str, Baseline] = field(default_factory=dict)
    averaging: float | None = None
    restorer: RestorationNetwork | None = None
    seed: int = 0
