"""Köhler et al. (2012): photographs of real camera shake, and the sharp frames along each shake's trajectory.

The layout is that of the unpacked archives: `BlurryImages/Blurry{image}_{shake}.png`, and the frames of this pair at
`Image{image}/Kernel{shake}/GroundTruth{image}_{shake}_{number}.png`, directly or below a folder `GroundTruth_pngs_Image{image}`.
"""

import re
from functools import cached_property
from pathlib import Path

import torch

from darkroom.core.dataset import Dataset, digest
from darkroom.core.errors import DarkroomError
from darkroom.core.images import read_uint8, size
from darkroom.core.method import Example
from darkroom.core.paths import data_root

IMAGES, SHAKES = 4, 12

FOLDER = "Koehler"
"""Below the data root."""


class Koehler(Dataset):
    """Each blurred photograph is the input, all frames of its trajectory are the target `(frame, channel, height, width)`, uint8.

    There are four images and twelve shakes, and about 200 frames for each pair.

    Args:
        root: the folder of the data; by default `Koehler` below the data root.
    """

    name = "koehler"

    def __init__(self, root: Path | None = None) -> None:
        self.given = root

    @property
    def root(self) -> Path:
        """The folder of the data."""
        return self.given or data_root() / FOLDER

    @cached_property
    def files(self) -> dict[str, Path]:
        """The blurred photographs by name, "IMAGE_SHAKE".

        Raises:
            DarkroomError: they are not there.
        """
        pairs = [f"{image}_{shake}" for image in range(1, IMAGES + 1) for shake in range(1, SHAKES + 1)]
        paths = {name: self.root / "BlurryImages" / f"Blurry{name}.png" for name in pairs}
        found = {name: path for name, path in paths.items() if path.is_file()}
        if not found:
            raise DarkroomError(
                f"the data of Köhler et al. is not at {self.root}: unpack BlurryImages.zip and GroundTruth_pngs_Image1 to 4.zip there"
            )
        return found

    @cached_property
    def frames(self) -> dict[str, list[Path]]:
        """The sharp frames of every photograph, in the order of time.

        Raises:
            DarkroomError: a photograph has none.
        """
        numbered: dict[str, dict[int, Path]] = {}
        for path in self.root.rglob("GroundTruth*_*_*.png"):
            match = re.fullmatch(r"GroundTruth(?:_pos_)?(\d+)_(\d+)_(\d+)", path.stem)
            if match:
                numbered.setdefault(f"{match[1]}_{match[2]}", {})[int(match[3])] = path
        for name, path in self.files.items():
            if name not in numbered:
                raise DarkroomError(f"{path} has no frames: none of {self.root} is named GroundTruth{name}_NUMBER.png")
        return {name: [path for _, path in sorted(numbered[name].items())] for name in self.files}

    @property
    def names(self) -> list[str]:
        return list(self.files)

    def open(self) -> None:
        """Look the files up; frames are read one example at a time."""
        for name, path in self.files.items():
            for frame in self.frames[name][:1]:
                if size(frame) != size(path):
                    raise DarkroomError(f"{path} has {size(path)} pixels but its frame {frame} has {size(frame)}")

    def __len__(self) -> int:
        return len(self.files)

    def example(self, index: int) -> Example:
        name = self.names[index]
        return Example(read_uint8(self.files[name]), torch.stack([read_uint8(path) for path in self.frames[name]]))

    def digests(self) -> dict[str, str]:
        """Those of the blurred photographs."""
        return {name: digest(read_uint8(path)) for name, path in self.files.items()}
