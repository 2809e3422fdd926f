"""Pretrained networks that losses and metrics compute features with: a given file, the cache, or a download."""

import urllib.error
from dataclasses import dataclass
from pathlib import Path

import torch

from darkroom.core.errors import DarkroomError


@dataclass(frozen=True)
class Pretrained:
    """The weights of a well-known network, as torchvision publishes them.

    Args:
        title: its usual name.
        url: of the file; its name ends with the first eight digits of its SHA-256, which are checked.
        megabytes: its size.
    """

    title: str
    url: str
    megabytes: int

    def path(self) -> Path:
        """The file in PyTorch's own cache, whether it exists or not."""
        return Path(torch.hub.get_dir()) / "checkpoints" / self.url.rsplit("/", 1)[1]

    def missing(self) -> str:
        """Empty if the file is in the cache; otherwise a sentence that names it."""
        return "" if self.path().is_file() else f"{self.title} ({self.megabytes} MB) is not at {self.path()}"

    def find(self, given: Path | None = None) -> Path:
        """The given file, else the one in the cache, else a download into the cache.

        Raises:
            DarkroomError: the given file does not exist, or the download failed; no partial file is kept.
        """
        if given is not None:
            if not given.is_file():
                raise DarkroomError(f"no weights of {self.title} at {given}")
            return given
        if self.missing():
            self._download()
        return self.path()

    def _download(self) -> None:
        self.path().parent.mkdir(parents=True, exist_ok=True)
        digest = self.path().stem.rsplit("-", 1)[1]
        try:
            torch.hub.download_url_to_file(self.url, str(self.path()), hash_prefix=digest, progress=True)
        except (urllib.error.URLError, OSError, RuntimeError) as error:
            raise DarkroomError(
                f"{self.missing()} and could not be downloaded from {self.url} ({getattr(error, 'reason', error)}): "
                "put the file there, or train a row that does not need it"
            ) from error


VGG19 = Pretrained("VGG-19", "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth", 548)
VGG16 = Pretrained("VGG-16", "https://download.pytorch.org/models/vgg16-397923af.pth", 528)
ALEXNET = Pretrained("AlexNet", "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth", 233)
