"""What a recipe returns: everything that training and evaluation need, as built objects."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import nn

from darkroom.core.evaluation import Evaluation
from darkroom.core.method import Method
from darkroom.core.stream import Stream
from darkroom.engine.optimization import Optimization

Kind = Literal["restoration", "kernel network", "scene", "generator", "backbone"]
"""What weights are of: a network from images to images, or to kernel fields, a radiance field, a network that generates images, or
features."""


@dataclass(frozen=True)
class InitialWeights:
    """Training starts from the final weights of another row.

    Args:
        recipe, row: their names; the row is looked for among the runs.
        into: the network that takes the weights, or a part of it.
        network: the name of the network, or of the part, in the other row's method.
        otherwise: a weights file to take where that row has not been trained.
    """

    recipe: str
    row: str
    into: nn.Module
    network: str = "network"
    otherwise: Path | None = None


@dataclass(frozen=True)
class Run:
    """One row of a paper's table, ready to be trained and evaluated. Building one opens no file.

    Args:
        method: the training rule with its networks.
        stream: the training data.
        optimizers: how each network is optimised, by the network's name.
        steps: length of the training.
        validation: evaluated during training; its first metric chooses `best.safetensors`.
        validation_interval: steps between validations.
        evaluations: evaluated once, at the end, with the final weights.
        kind: what the weights are of.
        network: the network that the weights are for, where it is of use without the method: a restoration network, a
            generator, a backbone.
        requires: looks up, at every start, what else has to be there, for example the features of another network.
        prepare: computes, on a fresh start only, what training needs to know of the data (a box, statistics); it must be kept in
            the method's state.
        initial: weights of another row to start from.
        remarks: what a reader should know of the data, once it is open.
        seed: the seed that the run depends on.
    """

    method: Method
    stream: Stream
    optimizers: Mapping[str, Optimization]
    steps: int
    validation: Evaluation
    validation_interval: int
    evaluations: Sequence[Evaluation]
    kind: Kind = "restoration"
    network: nn.Module | None = None
    requires: Sequence[Callable[[], object]] = ()
    prepare: Callable[[], object] | None = None
    initial: InitialWeights | None = None
    remarks: Callable[[], Sequence[str]] = tuple
    seed: int = 0
