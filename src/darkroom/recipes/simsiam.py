"""Backbones without labels: simple Siamese networks, SimSiam (Chen & He 2021).

    darkroom train simsiam laptop      two minutes on two CPU cores, nothing to download: embedded digits
    darkroom train simsiam cifar10     ResNet-18 at 32 pixels, 800 epochs; a day on one GPU (estimated)
    darkroom train simsiam imagenet    the paper's ResNet-50, 100 epochs; days on eight GPUs (estimated)

Like BYOL without a target network: the gradient is stopped instead. See `darkroom train byol` for how features are evaluated.
"""

from darkroom.core.record import Published
from darkroom.engine.run import Run
from darkroom.layers.projection_head import ProjectionHead
from darkroom.methods.simsiam import SimSiam
from darkroom.networks.encoder import Encoder
from darkroom.recipes.protocols.self_supervision import (
    BackboneOptions,
    ScheduleOptions,
    ViewOptions,
    initialised,
    pretraining,
)

TASK = "self-supervision"

ROWS = {
    "imagenet": dict(),
    "cifar10": dict(
        train_set="cifar10", depth=18, stem="small", image_size=32, blur=False, batch_size=512, lr=0.06, weight_decay=5e-4,
        steps=78_000,
    ),
    "laptop": dict(
        train_set="digits_low", probe_set="digits", depth=10, width=16, stem="small", image_size=16, batch_size=64, projection=128, bottleneck=32,
        lr=0.1, smallest_crop=0.4, flip=0.0, blur=False, steps=300,
    ),
}  # fmt: skip

PUBLISHED = {
    "imagenet": [
        Published(
            "accuracy_top1",
            "imagenet",
            0.681,
            "Chen & He 2021, table 4, 100 epochs; a linear classifier trained by SGD on augmented images",
            {"classifier": "linear"},
        )
    ]
}


def recipe(
    projection: int = 2048,
    bottleneck: int = 512,
    backbone: BackboneOptions = BackboneOptions(),
    data: ViewOptions = ViewOptions(batch_size=256, smallest_crop=0.2),
    schedule: ScheduleOptions = ScheduleOptions(500_400, 0.05, weight_decay=1e-4),
    seed: int = 0,
) -> Run:
    """SimSiam on unlabelled images.

    Args:
        projection: Features of the projection, and hidden features of the projector.
        bottleneck: Hidden features of the predictor.
        backbone: The backbone.
        data: Images and their views.
        schedule: The optimizer.
        seed: Of weights and views.
    """
    features = backbone.network()
    network = Encoder(
        features,
        ProjectionHead((features.features, projection, projection, projection), normalised=True),
        ProjectionHead((projection, bottleneck, projection)),
    )
    view = data.view(blur=0.5, saturation=0.4)
    return pretraining(SimSiam(initialised(network, seed)), (view, view), data, schedule, seed)
