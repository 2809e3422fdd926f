"""Two parallel folders of images, an input and its target in files of the same name."""

from darkroom.core.dataset import Dataset
from darkroom.core.errors import DarkroomError
from darkroom.core.method import Example
from darkroom.data.image_set import File, ImageSet


class PairedFolders(Dataset):
    """Inputs and targets that are paired by name and have equal sizes.

        PairedFolders("gopro", ImageSet.from_path(root / "blur"), ImageSet.from_path(root / "sharp"))

    Args:
        name: of the dataset in tables.
        inputs: what a network is given.
        targets: the ground truth.
    """

    def __init__(self, name: str, inputs: ImageSet, targets: ImageSet) -> None:
        self.name, self.inputs, self.targets = name, inputs, targets

    @property
    def names(self) -> list[str]:
        return self.inputs.names

    def open(self) -> None:
        """Pair the files, decode what fits into memory, and compare sizes.

        Raises:
            DarkroomError: a file has no counterpart, or one of another size; the line names it.
        """
        _require_counterparts(self.inputs, self.targets)
        _require_counterparts(self.targets, self.inputs)
        self.inputs.open()
        self.targets.open()
        for index, name in enumerate(self.names):
            self._require_equal(name, self.inputs.size(index), self.targets.size(self.targets.position(name)))

    def __len__(self) -> int:
        return len(self.inputs)

    def example(self, index: int) -> Example:
        name = self.names[index]
        input, target = self.inputs[index], self.targets[self.targets.position(name)]
        self._require_equal(name, input.shape[:0:-1], target.shape[:0:-1])
        return Example(input, target)

    @property
    def files(self) -> dict[str, File]:
        """The files of the inputs by name."""
        return self.inputs.files

    def digests(self) -> dict[str, str]:
        """Those of the targets."""
        return self.targets.digests()

    def _require_equal(self, name: str, input: tuple[int, ...], target: tuple[int, ...]) -> None:
        if tuple(input) != tuple(target):
            raise DarkroomError(
                f"{self.inputs.files[name]} has {input[0]}x{input[1]} pixels but {self.targets.files[name]} "
                f"{target[0]}x{target[1]}: an input and its target must have the same size"
            )


def _require_counterparts(images: ImageSet, others: ImageSet) -> None:
    for name, file in images.files.items():
        if name not in others.files:
            raise DarkroomError(
                f"{file} has no counterpart: none of the {len(others)} images of {others.name} is named {name!r}"
            )
