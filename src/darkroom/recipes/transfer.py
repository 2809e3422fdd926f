"""Does a backbone learned without labels beat one learned with them, or none? Fine-tuning on a small labelled set, in five settings.

    setting   row                       backbone                         trained
    A         scratch                   random                           all
    B         labelled                  supervised                       all
    C         self_supervised           byol                             all
    D         labelled_frozen           supervised                       classifier alone
    E         self_supervised_frozen    byol                             classifier alone

    darkroom train supervised laptop && darkroom train byol laptop      backbones on embedded digits, 0 to 4
    darkroom train transfer laptop                                      A on ten images of each digit from 5 to 9; a minute
    darkroom train transfer laptop_self_supervised                      C; laptop_labelled, laptop_labelled_frozen, ... the others
    darkroom train transfer laptop --seed 1                             again with another seed
    darkroom report runs/transfer                                       mean and deviation over seeds, curves, confusion matrices

Rows without a prefix fine-tune ResNet-50 of mini-ImageNet on Office-Home, as course work does (hours on one GPU, estimated);
`small` ones ResNet-10 of Tiny-ImageNet on the photographs of PACS (a minute each on one CPU core). All settings have one and
the same fine-tuning recipe, which is part of the table's protocol: it moves the published accuracy of A alone by 46 points. A
frozen backbone is in evaluation mode, batch normalisation too.
"""

from darkroom.core.record import Published
from darkroom.engine.run import Run
from darkroom.recipes.protocols.classification import LabelledOptions, classification
from darkroom.recipes.protocols.self_supervision import BackboneOptions, ScheduleOptions

TASK = "self-supervision"

_SMALL = dict(
    train_set="pacs_photo", classes=7, depth=10, width=32, image_size=48, batch_size=32, lr=0.02, steps=300, smallest_crop=0.4
)
_LAPTOP = dict(
    train_set="digits_high", classes=5, shots=10, depth=10, width=16, stem="small", image_size=16, batch_size=32,
    smallest_crop=0.6, flip=0.0, lr=0.02, steps=150,
)  # fmt: skip

ROWS = {
    "scratch": dict(),
    "labelled": dict(initial="supervised/mini_imagenet"),
    "self_supervised": dict(initial="byol/mini_imagenet"),
    "labelled_frozen": dict(initial="supervised/mini_imagenet", frozen=True),
    "self_supervised_frozen": dict(initial="byol/mini_imagenet", frozen=True),
    "small_scratch": dict(**_SMALL),
    "small_labelled": dict(initial="supervised/small", **_SMALL),
    "small_self_supervised": dict(initial="byol/small", **_SMALL),
    "small_labelled_frozen": dict(initial="supervised/small", frozen=True, **_SMALL),
    "small_self_supervised_frozen": dict(initial="byol/small", frozen=True, **_SMALL),
    "laptop": dict(**_LAPTOP),
    "laptop_labelled": dict(initial="supervised/laptop", **_LAPTOP),
    "laptop_self_supervised": dict(initial="byol/laptop", **_LAPTOP),
    "laptop_labelled_frozen": dict(initial="supervised/laptop", frozen=True, **_LAPTOP),
    "laptop_self_supervised_frozen": dict(initial="byol/laptop", frozen=True, **_LAPTOP),
}

_COURSE_WORK = {
    "scratch": (0.162, 0.621, 0.155),
    "labelled": (0.229, 0.613, 0.180),
    "self_supervised": (0.585, 0.635, 0.539),
    "labelled_frozen": (0.201, 0.260, 0.107),
    "self_supervised_frozen": (0.445, 0.479, 0.232),
}
"""Accuracies on Office-Home in three pieces of course work, each with a fine-tuning recipe of its own."""

PUBLISHED = {
    row: [
        Published("accuracy_top1", "office_home", first, "course work; another fine-tuning recipe"),
        Published("accuracy_top1", "office_home", longer, "course work", method=f"{row}: course work, a longer recipe"),
        Published("accuracy_top1", "office_home", third, "course work", method=f"{row}: course work, a third"),
    ]
    for row, (first, longer, third) in _COURSE_WORK.items()
}


def recipe(
    initial: str = "",
    frozen: bool = False,
    backbone: BackboneOptions = BackboneOptions(),
    data: LabelledOptions = LabelledOptions("office_home", 65),
    schedule: ScheduleOptions = ScheduleOptions(6000, 0.02, weight_decay=5e-4, warm_up=0.05),
    seed: int = 0,
) -> Run:
    """A classifier on a small labelled set, from a trained backbone or from scratch.

    Args:
        initial: The row whose backbone is taken, as RECIPE/ROW, for example byol/small; empty for random weights.
        frozen: Train the classifier alone, on features of the backbone in evaluation mode.
        backbone: The backbone; as in the row that it is taken from.
        data: Labelled images.
        schedule: The optimizer, the same for all settings.
        seed: Of weights and crops.
    """
    return classification(backbone, data, schedule, seed, frozen=frozen, initial=initial)
