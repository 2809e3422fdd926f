"""Backbones without labels: contrastive learning, SimCLR (Chen, Kornblith, Norouzi, Hinton 2020).

    darkroom train simclr laptop      two minutes on two CPU cores, nothing to download: embedded digits
    darkroom train simclr cifar10     ResNet-18 at 32 pixels; a day on one GPU (estimated)
    darkroom train simclr imagenet    the paper's ResNet-50, batches of 4096, 100 epochs; days on many GPUs (estimated)

Every view is contrasted with all others of the batch, over all processes: larger batches are better. See `darkroom train byol` for
how features are evaluated.
"""

from darkroom.core.record import Published
from darkroom.engine.run import Run
from darkroom.layers.projection_head import ProjectionHead
from darkroom.methods.simclr import SimCLR
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
        train_set="cifar10", depth=18, stem="small", image_size=32, blur=False, batch_size=512, lr=2.0, weight_decay=1e-4,
        temperature=0.5, strength=0.5, steps=78_000,
    ),
    "laptop": dict(
        train_set="digits_low", probe_set="digits", depth=10, width=16, stem="small", image_size=16, batch_size=64, hidden=256, projection=64,
        optimizer="sgd", lr=0.1, smallest_crop=0.4, flip=0.0, blur=False, temperature=0.2, strength=0.5, warm_up=0.05, steps=300,
    ),
}  # fmt: skip

PUBLISHED = {
    "imagenet": [
        Published(
            "accuracy_top1",
            "imagenet",
            0.665,
            "Chen & He 2021, table 4 (their repetition, batches of 4096, 100 epochs); a linear classifier trained by SGD on augmented images",
            {"classifier": "linear"},
        )
    ]
}


def recipe(
    temperature: float = 0.1,
    hidden: int = 2048,
    projection: int = 128,
    strength: float = 1.0,
    backbone: BackboneOptions = BackboneOptions(),
    data: ViewOptions = ViewOptions(batch_size=4096),
    schedule: ScheduleOptions = ScheduleOptions(31_280, 4.8, "lars", weight_decay=1e-6, warm_up=0.1),
    seed: int = 0,
) -> Run:
    """SimCLR on unlabelled images.

    Args:
        temperature: Of the softmax over the batch.
        hidden: Hidden features of the projector.
        projection: Features of the projection.
        strength: Of the change of colours; 1 for ImageNet, 0.5 for CIFAR-10.
        backbone: The backbone.
        data: Images and their views.
        schedule: The optimizer.
        seed: Of weights and views.
    """
    features = backbone.network()
    network = Encoder(features, ProjectionHead((features.features, hidden, projection)))
    most = 0.8 * strength
    view = data.view(blur=0.5, brightness=most, contrast=most, saturation=most, hue=0.2 * strength)
    method = SimCLR(initialised(network, seed), temperature=temperature)
    return pretraining(method, (view, view), data, schedule, seed)
