"""How rows of translation are evaluated by a segmentation network that was trained here."""

from pathlib import Path

from torch import Tensor, nn

from darkroom.core.dataset import Dataset
from darkroom.core.errors import DarkroomError
from darkroom.core.method import Example
from darkroom.core.pretrained import sha256
from darkroom.data import camvid, cityscapes, shapes
from darkroom.engine.folder import weights_file
from darkroom.evaluations.segmentation_score import Numbering, SegmentationScore, Segmenter
from darkroom.methods.segmentation import Segmentation
from darkroom.recipes import trained
from darkroom.recipes.paths import weights_path
from darkroom.recipes.protocols.distributions import row_of

NUMBERINGS = {
    "shapes": Numbering(len(shapes.CLASSES), None, shapes.PALETTE),
    "camvid": Numbering(len(camvid.CLASSES), camvid.VOID, camvid.PALETTE),
    "cityscapes": Numbering(
        len(cityscapes.TRAIN_CLASSES), cityscapes.IGNORED, cityscapes.TRAIN_PALETTE, cityscapes.to_train_ids
    ),
}
"""By the name of the label maps: classes of evaluations, and how they follow from what a generator is given."""

SEGMENTERS = {"shapes": "segmentation/laptop", "camvid": "segmentation/camvid", "cityscapes": "segmentation/cityscapes"}
"""The run that labels photographs, by the name of the label maps."""


def segmentation_score(images: Dataset, label_maps: str, size: tuple[int, int], weights: str = "") -> SegmentationScore:
    """mIoU and pixel accuracy of generated photographs; left out, with the command that trains the network, where it is not trained.

    Args:
        images: the test set, from label maps to photographs.
        label_maps: whose they are: shapes, camvid or cityscapes.
        size: height and width at which the network is given the photographs.
        weights: RECIPE/ROW among the runs, a run's folder or a weights file; by default the run of these label maps.
    """
    numbering, path = NUMBERINGS[label_maps], weights or SEGMENTERS[label_maps]
    network = Segmenter(
        "/".join(row_of(path)),
        lambda: _Network(_method(path)),
        size,
        lambda: _missing(path, numbering.classes),
        lambda: sha256(_file(path)),
    )
    return SegmentationScore(images, network, numbering, optional=True)


def _file(weights: str) -> Path:
    return weights_file(weights_path(weights))


def _method(weights: str) -> Segmentation:
    found = trained.run(_file(weights)).method
    if not isinstance(found, Segmentation):
        raise DarkroomError(f"{weights} holds no segmentation network: train one with `darkroom train segmentation camvid`")
    return found


def _missing(weights: str, classes: int) -> str:
    try:
        found = _method(weights).network.classes
    except DarkroomError as error:
        return str(error)
    return "" if found == classes else f"{weights} tells {found} classes apart, and the label maps have {classes}"


class _Network(nn.Module):
    """Images to the ids that a method predicts."""

    def __init__(self, method: Segmentation) -> None:
        super().__init__()
        self.method = method

    def forward(self, images: Tensor) -> Tensor:
        return self.method.predict(Example(images, images))
