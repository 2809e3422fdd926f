"""Semantic segmentation (Howard et al. 2019, LR-ASPP; Chen et al. 2017, DeepLabV3): the network that scores generated photographs.

    darkroom train segmentation laptop        two minutes on two CPU cores, nothing to download: drawn scenes
    darkroom train segmentation camvid        CamVid at 180x240; eight minutes on one CPU core
    darkroom train segmentation cityscapes    Cityscapes at 256x512, 19 classes; some hours on one GPU (estimated)

Its mIoU on real photographs is the ceiling of what generated ones can reach: `darkroom train pix2pix camvid` scores its photographs by
`segmentation camvid`. No weights are downloaded; networks are trained from random ones, so that they stay far below published
numbers, which begin with ImageNet.
"""

from dataclasses import dataclass
from typing import Literal

from darkroom.core.dataset import Dataset
from darkroom.core.randomness import generator
from darkroom.data.camvid import CLASSES as CAMVID
from darkroom.data.camvid import VOID, camvid
from darkroom.data.cityscapes import IGNORED, TRAIN_CLASSES, cityscapes
from darkroom.data.shapes import CLASSES as SHAPES
from darkroom.data.shapes import shapes
from darkroom.data.streams import PatchStream
from darkroom.engine.run import Run
from darkroom.evaluations.paired_images import PairedImages
from darkroom.methods.segmentation import Segmentation
from darkroom.metrics.classification import mean_iou, pixel_accuracy
from darkroom.networks.segmentation_network import Architecture, SegmentationNetwork
from darkroom.recipes.options import OptimizationOptions

TASK = "segmentation"

LabelledSet = Literal["shapes", "camvid", "cityscapes"]


@dataclass(frozen=True)
class LabelMapOptions:
    """Photographs with label maps."""

    label_maps: LabelledSet = "camvid"
    """shapes (drawn scenes, nothing to download), camvid or cityscapes."""
    size: tuple[int, int] = (180, 240)
    """Height and width to which photographs and label maps are resized, in training and in evaluation."""
    patch_size: int = 160
    """Side of the training patches in pixels."""
    batch_size: int = 8
    """Patches per step, over all devices."""


ROWS = {
    "cityscapes": dict(label_maps="cityscapes", size=(256, 512), patch_size=256, batch_size=16, steps=40_000),
    "camvid": dict(),
    "laptop": dict(label_maps="shapes", size=(96, 128), patch_size=96, batch_size=4, steps=400),
}


def recipe(
    architecture: Architecture = "lraspp",
    data: LabelMapOptions = LabelMapOptions(),
    optimization: OptimizationOptions = OptimizationOptions(700, 2e-3, "cosine"),
    seed: int = 0,
) -> Run:
    """A network for semantic segmentation, trained from random weights.

    Args:
        architecture: The head on MobileNetV3: lraspp (fast) or deeplabv3.
        data: Photographs with label maps.
        optimization: Adam.
        seed: Of weights and patches.
    """
    images = {split: labelled_images(data.label_maps, split, data.size) for split in ("train", "val", "test")}
    classes, ignored = numbering(data.label_maps)
    network = SegmentationNetwork(classes, architecture).initialise(generator(seed, "weights"))
    validation, evaluation = (
        PairedImages(
            images[split],
            None,
            (mean_iou(classes, ignored), pixel_accuracy(classes, ignored)),
            variant={"segmented at": spelled(data.size)},
            batch_size=8,
        )
        for split in ("val", "test")
    )
    return Run(
        method=Segmentation(network, ignored),
        stream=PatchStream(
            images["train"], patch_size=data.patch_size, batch_size=data.batch_size, seed=seed, augmentation="flip"
        ),
        optimizers={"network": optimization.adam()},
        steps=optimization.steps,
        validation=validation.subset(32),
        validation_interval=optimization.validation_interval,
        evaluations=[evaluation],
        kind="backbone",
        network=network,
        seed=seed,
    )


def labelled_images(name: LabelledSet, split: Literal["train", "val", "test"], size: tuple[int, int]) -> Dataset:
    """Photographs and label maps of a split, in the numbering of evaluations; where there are two splits, "val" is "test"."""
    if name == "shapes":
        return shapes("train" if split == "train" else "heldout", size, direction="photo_to_labels")
    if name == "camvid":
        return camvid(split, size, direction="photo_to_labels")
    return cityscapes("train" if split == "train" else "val", size, ids="train", direction="photo_to_labels")


def numbering(name: LabelledSet) -> tuple[int, int | None]:
    """Number of classes, and the id that evaluations leave out."""
    return {
        "shapes": (len(SHAPES), None),
        "camvid": (len(CAMVID), VOID),
        "cityscapes": (len(TRAIN_CLASSES), IGNORED),
    }[name]


def spelled(size: tuple[int, int]) -> str:
    """Height and width in words.

    Example:
        >>> spelled((180, 240))
        '180x240'
    """
    return "x".join(map(str, size))
