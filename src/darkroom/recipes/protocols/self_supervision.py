"""What the recipes of self-supervision share: options, the evaluation of features, and a run of a training rule."""

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from darkroom.core.randomness import generator
from darkroom.data.labelled_sets import labelled, unlabelled
from darkroom.data.labelled_subset import CentreCrops, LabelledSubset, evenly
from darkroom.data.view_streams import ViewPairs
from darkroom.data.views import View
from darkroom.engine.optimization import Optimization, adam, constant, cosine, lars, sgd, warm_up
from darkroom.engine.run import Run
from darkroom.evaluations.features import FeatureEvaluation
from darkroom.evaluations.nearest_neighbours import NearestNeighbours
from darkroom.evaluations.probe import LinearProbe
from darkroom.methods.self_supervision import SelfSupervision
from darkroom.metrics.classification import accuracy
from darkroom.networks.encoder import Encoder
from darkroom.networks.resnet import ResNet

VALIDATED = 1000
"""Training images and test images of the nearest-neighbour evaluation during training, at most."""


@dataclass(frozen=True)
class BackboneOptions:
    """The residual network."""

    depth: Literal[10, 18, 34, 50, 101] = 50
    """Of the residual network."""
    width: int = 64
    """Features of its first stage."""
    stem: Literal["imagenet", "small"] = "imagenet"
    """Its first layers: imagenet reduces images to a quarter of their side, small leaves them as they are."""

    def network(self) -> ResNet:
        """The backbone, not initialised."""
        return ResNet(self.depth, self.width, self.stem)


@dataclass(frozen=True)
class ViewOptions:
    """Images to train on without labels, and labelled ones to evaluate features with."""

    train_set: str = "imagenet"
    """Images to train on: imagenet, mini_imagenet, tiny_imagenet, digits and the like, or a folder or zip file of images."""
    probe_set: str = ""
    """Labelled images that the features are evaluated on; by default those of --train-set."""
    image_size: int = 224
    """Side of the views in pixels."""
    batch_size: int = 256
    """Images per step, two views of each, over all devices."""
    smallest_crop: float = 0.08
    """Least share of the image's area in a view."""
    flip: float = 0.5
    """Probability of a horizontal flip; 0 for digits."""
    blur: bool = True
    """Blur views; left out for images of about 32 pixels."""

    def view(self, *, blur: float, **changes: float) -> View:
        """How a view is drawn: BYOL's colours but for the changes, blurred with this probability."""
        return View(smallest=self.smallest_crop, flip=self.flip, blur=blur if self.blur else 0.0, **changes)


@dataclass(frozen=True)
class ScheduleOptions:
    """Length of the training, and its optimizer."""

    steps: int
    """Length of the training."""
    lr: float
    """Learning rate before the schedule, for the whole batch."""
    optimizer: Literal["lars", "sgd", "adam"] = "sgd"
    """LARS and SGD with momentum 0.9, or Adam; biases and normalisation are not decayed."""
    weight_decay: float = 0.0
    """Of SGD and LARS."""
    warm_up: float = 0.0
    """Share of the training in which the learning rate rises from 0."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """Of the learning rate after that."""

    @property
    def validation_interval(self) -> int:
        """Steps between validations: twenty in a training."""
        return max(1, self.steps // 20)

    def optimization(self) -> Optimization:
        """How the network is optimised."""
        schedule = warm_up(self.warm_up, cosine if self.schedule == "cosine" else constant)
        if self.optimizer == "adam":
            return adam(self.lr, schedule=schedule)
        return (lars if self.optimizer == "lars" else sgd)(self.lr, weight_decay=self.weight_decay, schedule=schedule)


def pretraining(
    method: SelfSupervision, views: tuple[View, View], data: ViewOptions, options: ScheduleOptions, seed: int
) -> Run:
    """A run of a self-supervised training rule, its features evaluated by nearest neighbours and by a linear probe."""
    evaluations = probes(data.probe_set or data.train_set, data.image_size)
    return Run(
        method=method,
        stream=ViewPairs(unlabelled(data.train_set), *views, image_size=data.image_size, batch_size=data.batch_size, seed=seed),
        optimizers={"network": options.optimization()},
        steps=options.steps,
        validation=validation(data.probe_set or data.train_set, data.image_size),
        validation_interval=options.validation_interval,
        evaluations=evaluations,
        kind="backbone",
        network=method.network.backbone,
        seed=seed,
    )


def initialised(network: Encoder, seed: int) -> Encoder:
    """A network with the weights of a seed."""
    return network.initialise(generator(seed, "weights"))


def probes(name: str, image_size: int) -> list[FeatureEvaluation]:
    """A linear probe and nearest neighbours on a labelled set, with the colours of 64 cells as a baseline."""
    train, test = (CentreCrops(labelled(name, split), image_size) for split in ("train", "test"))
    baselines = {"colours of 64 cells": cells}
    return [
        LinearProbe(train, test, (accuracy(),), variant={"classifier": "linear"}, baselines=baselines),
        NearestNeighbours(train, test, (accuracy(),), variant={"classifier": "nearest neighbours"}, baselines=baselines),
    ]


def validation(name: str, image_size: int) -> NearestNeighbours:
    """Nearest neighbours on some of the images of a labelled set."""
    train, test = (
        CentreCrops(LabelledSubset(labelled(name, split), evenly(VALIDATED)), image_size) for split in ("train", "test")
    )
    return NearestNeighbours(train, test, (accuracy(),))


def cells(images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch features"]:
    """The mean colours of 8 × 8 cells of an image: features without a network."""
    return adaptive_avg_pool2d(images, 8).flatten(1)
