"""Networks that others trained and that losses and metrics look through: where their weights are, or come from."""

import urllib.error
from dataclasses import dataclass
from pathlib import Path

import torch

from darkroom.core.errors import DarkroomError


@dataclass(frozen=True)
class Pretrained:
    """The weights of a well-known network, as torchvision publishes them.

    Args:
        title: what people call it.
        address: of the file; its name ends with the first eight digits of its SHA-256, which are checked.
        megabytes: its size.
    """

    title: str
    address: str
    megabytes: int

    def place(self) -> Path:
        """Where it lies, or will lie: PyTorch's own cache, shared with every other program."""
        return Path(torch.hub.get_dir()) / "checkpoints" / self.address.rsplit("/", 1)[1]

    def missing(self) -> str:
        """Nothing if it is in the cache, else where it is not."""
        return "" if self.place().is_file() else f"{self.title} ({self.megabytes} MB) is not at {self.place()}"

    def find(self, given: Path | None = None) -> Path:
        """The file: the one given, the one in the cache, or else a download into the cache.

        Raises:
            DarkroomError: the given file is not there, or the download failed; nothing half-written is kept.
        """
        if given is not None:
            if not given.is_file():
                raise DarkroomError(f"no weights of {self.title} at {given}")
            return given
        if self.missing():
            self._download()
        return self.place()

    def _download(self) -> None:
        self.place().parent.mkdir(parents=True, exist_ok=True)
        digest = self.place().stem.rsplit("-", 1)[1]
        try:
            torch.hub.download_url_to_file(self.address, str(self.place()), hash_prefix=digest, progress=True)
        except (urllib.error.URLError, OSError, RuntimeError) as error:
            raise DarkroomError(
                f"{self.missing()} and could not be downloaded from "
                f"{self.address} ({getattr(error, 'reason', error)}): put the file there, or train a row that does without"
            ) from error


VGG19 = Pretrained("VGG-19", "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth", 548)
VGG16 = Pretrained("VGG-16", "https://download.pytorch.org/models/vgg16-397923af.pth", 528)
ALEXNET = Pretrained("AlexNet", "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth", 233)
