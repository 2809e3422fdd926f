"""Pretrained networks that losses and metrics compute features with: a given file, the cache, or a download.

A file from the cache is used only if it has the network's SHA-256, which is checked before anything in it is loaded.
"""

import hashlib
import os
import urllib.error
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from darkroom.core.errors import DarkroomError

OFFLINE = "DARKROOM_OFFLINE"
"""Environment variable: set to 1, no weights are downloaded."""


@dataclass(frozen=True)
class Pretrained:
    """The published weights of a well-known network.

    Args:
        title: its usual name.
        url: of the file; its name ends with the first eight digits of its SHA-256.
        megabytes: its size.
        sha256: of the file. Where its publisher states no more than the first eight digits, these are what is checked.

    Example:
        >>> VGG19.path().name, VGG19.digest
        ('vgg19-dcbb9e9d.pth', 'dcbb9e9d')
    """

    title: str
    url: str
    megabytes: int
    sha256: str = ""

    @property
    def digest(self) -> str:
        """The SHA-256 of the file, as far as it is known."""
        return self.sha256 or Path(self.url).stem.rsplit("-", 1)[1]

    def path(self) -> Path:
        """The file in PyTorch's own cache, whether it exists or not; its name carries the digest."""
        return Path(torch.hub.get_dir()) / "checkpoints" / self.url.rsplit("/", 1)[1]

    def fault(self, path: Path) -> str:
        """Empty if a file is this network's, by its digest; otherwise a sentence that names it."""
        found = sha256(path)
        return "" if found.startswith(self.digest) else f"{path} is not {self.title}: its SHA-256 is {found}, not {self.digest}"

    def missing(self) -> str:
        """Empty if the intact file is in the cache; otherwise a sentence that names it."""
        if not self.path().is_file():
            return f"{self.title} ({self.megabytes} MB) is not at {self.path()}"
        fault = self.fault(self.path())
        return f"{fault}; delete it, and it is downloaded again" if fault else ""

    def find(self, given: Path | None = None) -> Path:
        """The given file, else the one in the cache, else a download into the cache.

        A given file may hold other weights of the same network: it is loaded by `core.torch_files`, which executes nothing.

        Raises:
            DarkroomError: the given file does not exist; the file in the cache has another digest; or the download is not
                allowed, or failed. No partial file is kept.
        """
        if given is not None:
            if not given.is_file():
                raise DarkroomError(f"no weights of {self.title} at {given}")
            return given
        if not self.path().is_file():
            self._download()
        if missing := self.missing():
            raise DarkroomError(missing)
        return self.path()

    def _download(self) -> None:
        if os.environ.get(OFFLINE, "0") not in ("", "0"):
            raise DarkroomError(f"{self.missing()}, and downloads are forbidden by {OFFLINE}: {self._remedy()}")
        self.path().parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(self.url, str(self.path()), hash_prefix=self.digest, progress=True)
        except (urllib.error.URLError, OSError, RuntimeError) as error:
            reason = getattr(error, "reason", error)
            raise DarkroomError(
                f"{self.missing()} and could not be downloaded from {self.url} ({reason}): {self._remedy()}"
            ) from error

    def _remedy(self) -> str:
        return (
            f"put the file there (SHA-256 {self.digest}{'' if self.sha256 else '...'}), "
            f"with `curl -L --create-dirs -o {self.path()} {self.url}`, or train a row that does not need it"
        )


def sha256(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal digits; computed once for as long as size and date of the file do not change.

    Raises:
        DarkroomError: it cannot be read.
    """
    try:
        status = path.stat()
        return _sha256(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise DarkroomError(f"{path} cannot be read: {error.strerror or error}") from error


@lru_cache(maxsize=32)
def _sha256(path: Path, size: int, changed: int) -> str:
    state = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            state.update(piece)
    return state.hexdigest()


VGG19 = Pretrained("VGG-19", "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth", 548)
VGG16 = Pretrained(
    "VGG-16",
    "https://download.pytorch.org/models/vgg16-397923af.pth",
    528,
    "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
)
ALEXNET = Pretrained("AlexNet", "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth", 233)
INCEPTION = Pretrained(
    "Inception v3 of FID",
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
    91,
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
)
"""The network of the original FID, converted to PyTorch; torch-fidelity and pytorch-fid publish the same file."""
