"""What recipes of classification share: labelled images, and a run of a classifier."""

from dataclasses import dataclass
from functools import partial

from darkroom.core.errors import DarkroomError
from darkroom.core.randomness import generator
from darkroom.data.labelled_sets import labelled
from darkroom.data.labelled_subset import CentreCrops, LabelledSubset, evenly, first_of_each
from darkroom.data.view_streams import LabelledViews
from darkroom.data.views import View
from darkroom.engine.run import InitialWeights, Run
from darkroom.evaluations.classification import Classification
from darkroom.evaluations.nearest_neighbours import NearestNeighbours
from darkroom.methods.classifier import Classifier
from darkroom.metrics.classification import accuracy
from darkroom.networks.image_classifier import ImageClassifier
from darkroom.recipes.protocols.self_supervision import VALIDATED, BackboneOptions, ScheduleOptions


@dataclass(frozen=True)
class LabelledOptions:
    """Labelled images."""

    train_set: str
    """Labelled images to train and to test on: office_home, pacs_photo, digits and the like, or a folder or zip file of them."""
    classes: int
    """Number of their classes."""
    shots: int = 0
    """Training images of each class, the first ones; 0 for all."""
    image_size: int = 128
    """Side of the crops in pixels."""
    batch_size: int = 64
    """Images per step, over all devices."""
    smallest_crop: float = 0.25
    """Least share of the image's area in a training crop."""
    flip: float = 0.5
    """Probability of a horizontal flip; 0 for digits."""


def classification(
    backbone: BackboneOptions,
    data: LabelledOptions,
    schedule: ScheduleOptions,
    seed: int,
    *,
    frozen: bool = False,
    initial: str = "",
) -> Run:
    """A run of a classifier on labelled images, evaluated on the test images of the same set."""
    network = ImageClassifier(backbone.network(), data.classes, frozen=frozen).initialise(generator(seed, "weights"))
    train, test = labelled(data.train_set, "train"), labelled(data.train_set, "test")
    used = LabelledSubset(train, first_of_each(data.shots)) if data.shots else train
    crops, view = CentreCrops(test, data.image_size), View(smallest=data.smallest_crop, flip=data.flip, jitter=0.0, grey=0.0)
    return Run(
        method=Classifier(network),
        stream=LabelledViews(used, view, image_size=data.image_size, batch_size=data.batch_size, seed=seed),
        optimizers={"network": schedule.optimization()},
        steps=schedule.steps,
        validation=Classification(CentreCrops(LabelledSubset(test, evenly(VALIDATED)), data.image_size), (accuracy(),)),
        validation_interval=schedule.validation_interval,
        evaluations=[
            Classification(crops, (accuracy(),), training=spelled(data, schedule)),
            NearestNeighbours(
                CentreCrops(used, data.image_size), crops, (accuracy(),), variant={"classifier": "nearest neighbours"}
            ),
        ],
        kind="backbone",
        network=network.backbone,
        requires=[partial(_require_classes, train, data.classes)],
        initial=InitialWeights(*_row(initial), into=network.backbone, network="network.backbone") if initial else None,
        seed=seed,
    )


def spelled(data: LabelledOptions, schedule: ScheduleOptions) -> str:
    """How a classifier is trained, in words: published accuracies differ by it more than by the backbone."""
    rate = f"{schedule.lr:g}{f' after a warm-up of {schedule.warm_up:g}' if schedule.warm_up else ''}"
    return (
        f"{schedule.optimizer}, learning rate {rate}, {schedule.schedule}, weight decay {schedule.weight_decay:g}, "
        f"{schedule.steps} steps of {data.batch_size} crops of at least {data.smallest_crop:g} of the area at {data.image_size} "
        f"pixels, flipped with probability {data.flip:g}{f', {data.shots} images of each class' if data.shots else ''}"
    )


def _row(initial: str) -> tuple[str, str]:
    recipe, _, row = initial.partition("/")
    if not recipe or not row:
        raise DarkroomError(f"--initial {initial}: must be RECIPE/ROW, for example byol/small")
    return recipe, row


def _require_classes(dataset: object, classes: int) -> None:
    """Raise where a set has other classes than the network."""
    found = len(dataset.classes)  # type: ignore[attr-defined]
    if found != classes:
        raise DarkroomError(f"the training images are of {found} classes: give --classes {found} instead of {classes}")
