"""Backbones without labels: bootstrap your own latent, BYOL (Grill et al. 2020).

    darkroom train byol laptop                     two minutes on two CPU cores, nothing to download: embedded digits
    darkroom train byol laptop_without_predictor   the same, broken on purpose: the projections collapse, and the log says so
    darkroom train byol small                      a quarter of an hour on one CPU core: Tiny-ImageNet's validation images
    darkroom train byol mini_imagenet              ResNet-50 at 128 pixels; about a day on one GPU (estimated)
    darkroom train byol imagenet                   the paper's; 1000 epochs of batches of 4096: many GPUs for days (estimated)

Features are evaluated by their nearest neighbours while training, and by a linear probe at the end. `darkroom train transfer`
fine-tunes the backbone on a small labelled set. The learning rate is for the whole batch: the papers' is per 256 images.
"""

from darkroom.core.record import Published
from darkroom.engine.run import Run
from darkroom.layers.projection_head import ProjectionHead
from darkroom.methods.byol import BYOL
from darkroom.networks.encoder import Encoder
from darkroom.recipes.protocols.self_supervision import (
    BackboneOptions,
    ScheduleOptions,
    ViewOptions,
    initialised,
    pretraining,
)

TASK = "self-supervision"

_LAPTOP = dict(
    train_set="digits_low",
    probe_set="digits",
    depth=10,
    width=16,
    stem="small",
    image_size=16,
    batch_size=64,
    hidden=256,
    projection=64,
    optimizer="sgd",
    lr=0.1,
    weight_decay=1e-4,
    smallest_crop=0.4,
    flip=0.0,
    blur=False,
    tau=0.97,
    warm_up=0.05,
    steps=300,
)
_SMALL_IMAGES = dict(depth=18, stem="small", image_size=32, blur=False, smallest_crop=0.2)

ROWS = {
    "imagenet": dict(),
    "imagenet_100_epochs": dict(lr=7.2, weight_decay=1e-6, tau=0.99, steps=31_280, warm_up=0.1),
    # 38,400 images, 100 epochs, in the way of a popular implementation, but for views that are drawn image by image
    "mini_imagenet": dict(
        train_set="mini_imagenet",
        image_size=128,
        batch_size=128,
        optimizer="adam",
        lr=3e-4,
        weight_decay=0.0,
        schedule="constant",
        warm_up=0.0,
        tau=0.99,
        rising=False,
        steps=30_000,
    ),
    "tiny_imagenet": dict(
        train_set="tiny_imagenet",
        depth=18,
        image_size=64,
        batch_size=256,
        optimizer="sgd",
        lr=0.06,
        weight_decay=5e-4,
        smallest_crop=0.2,
        steps=78_000,
    ),
    "cifar10": dict(
        **_SMALL_IMAGES, train_set="cifar10", batch_size=512, optimizer="sgd", lr=0.06, weight_decay=5e-4, steps=78_000
    ),
    "small": dict(
        train_set="tiny_imagenet_val",
        depth=10,
        width=32,
        image_size=48,
        batch_size=64,
        hidden=512,
        projection=128,
        optimizer="sgd",
        lr=0.08,
        weight_decay=1e-4,
        smallest_crop=0.2,
        tau=0.98,
        warm_up=0.05,
        steps=1000,
    ),
    "laptop": dict(**_LAPTOP),
    "laptop_without_predictor": {**_LAPTOP, "predictor": False, "tau": 0.0, "rising": False, "steps": 150},
}

_PROTOCOL = "a linear classifier trained by SGD on augmented images"


def _published(value: float, source: str) -> list[Published]:
    return [Published("accuracy_top1", "imagenet", value, f"{source}; {_PROTOCOL}", {"classifier": "linear"})]


PUBLISHED = {
    "imagenet": _published(0.743, "Grill et al. 2020, table 1"),
    "imagenet_100_epochs": _published(0.665, "Chen & He 2021, table 4 (others measured 62.5 to 68.6 %)"),
}


def recipe(
    tau: float = 0.996,
    rising: bool = True,
    predictor: bool = True,
    hidden: int = 4096,
    projection: int = 256,
    backbone: BackboneOptions = BackboneOptions(),
    data: ViewOptions = ViewOptions(batch_size=4096),
    schedule: ScheduleOptions = ScheduleOptions(312_770, 3.2, "lars", weight_decay=1.5e-6, warm_up=0.01),
    seed: int = 0,
) -> Run:
    """BYOL on unlabelled images.

    Args:
        tau: Decay of the target network at the beginning.
        rising: The decay rises to 1 along a cosine, step by step; otherwise it stays what it is.
        predictor: Without it, the projections collapse to a constant (the paper's table 5b).
        hidden: Hidden features of projector and predictor.
        projection: Features of the projection.
        backbone: The backbone.
        data: Images and their views.
        schedule: The optimizer.
        seed: Of weights and views.
    """
    features = backbone.network()
    network = Encoder(
        features,
        ProjectionHead((features.features, hidden, projection)),
        ProjectionHead((projection, hidden, projection)) if predictor else None,
    )
    method = BYOL(initialised(network, seed), tau=tau, steps=schedule.steps if rising else 0)
    return pretraining(method, (data.view(blur=1.0), data.view(blur=0.1, solarise=0.2)), data, schedule, seed)
