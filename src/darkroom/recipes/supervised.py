"""Backbones with labels: residual networks for classification (He, Zhang, Ren, Sun 2016), to compare self-supervision with.

    darkroom train supervised laptop           a minute on two CPU cores, nothing to download: embedded digits, 0 to 4
    darkroom train supervised small            five minutes on one CPU core: Tiny-ImageNet's validation images
    darkroom train supervised mini_imagenet    ResNet-50 at 128 pixels; half a day on one GPU (estimated)

Settings B and D of `darkroom train transfer` start from these weights, so that no weights of others are needed. The networks are
those of the rows of the same name in `byol`.
"""

from darkroom.engine.run import Run
from darkroom.recipes.protocols.classification import LabelledOptions, classification
from darkroom.recipes.protocols.self_supervision import BackboneOptions, ScheduleOptions

TASK = "self-supervision"

ROWS = {
    "mini_imagenet": dict(),
    "cifar10": dict(
        train_set="cifar10", classes=10, depth=18, stem="small", image_size=32, batch_size=128, smallest_crop=0.5, steps=39_000
    ),
    "small": dict(
        train_set="tiny_imagenet_val", classes=200, depth=10, width=32, image_size=48, batch_size=64, lr=0.1, steps=1000
    ),
    "laptop": dict(
        train_set="digits_low", classes=5, depth=10, width=16, stem="small", image_size=16, batch_size=32, smallest_crop=0.6,
        flip=0.0, lr=0.05, steps=200,
    ),
}  # fmt: skip


def recipe(
    backbone: BackboneOptions = BackboneOptions(),
    data: LabelledOptions = LabelledOptions("mini_imagenet", 64, batch_size=128, smallest_crop=0.08),
    schedule: ScheduleOptions = ScheduleOptions(30_000, 0.1, weight_decay=1e-4, warm_up=0.05),
    seed: int = 0,
) -> Run:
    """A backbone and a linear classifier, trained on labelled images.

    Args:
        backbone: The backbone.
        data: Labelled images.
        schedule: The optimizer.
        seed: Of weights and crops.
    """
    return classification(backbone, data, schedule, seed)
