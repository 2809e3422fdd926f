"""Other people's weights by address: what they are, their licence, and a download that is made only when it is asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from darkroom.core.errors import DarkroomError
from darkroom.core.files import no_room
from darkroom.core.paths import data_root
from darkroom.data import checksums
from darkroom.data.download import verify
from darkroom.data.transfer import ProgressBar, Transfer


@dataclass(frozen=True)
class ForeignWeights:
    """A file of weights that its authors have published.

    Args:
        name: argument of `darkroom models get`.
        title: the network, and what it was trained for.
        url: of the file.
        megabytes: its size, about; a file of more than twice the size is refused.
        sha256: of the file, where it is publicly stated; otherwise that of the first download is recorded, and later ones are
            compared with it.
        licence: of the repository that publishes the file.
        citation: authors, title, venue, year.
    """

    name: str
    title: str
    url: str
    megabytes: int
    sha256: str | None
    licence: str
    citation: str

    def path(self) -> Path:
        """The file, whether it exists or not."""
        return data_root() / "weights" / self.url.rsplit("/", 1)[1]


_KAIR, _ESRGAN = (
    "https://github.com/cszn/KAIR/releases/download/v1.0/",
    "https://github.com/xinntao/Real-ESRGAN/releases/download/",
)
_SWINIR = "https://github.com/JingyunLiang/SwinIR/releases/download/v0.0/"
_ZHANG = "Zhang, Zuo, Chen, Meng, Zhang: Beyond a Gaussian Denoiser. TIP 2017"
_WANG = "Wang, Xie, Dong, Shan: Real-ESRGAN. ICCVW 2021"
_LIANG = "Liang, Cao, Sun, Zhang, Van Gool, Timofte: SwinIR. ICCVW 2021"

WEIGHTS = {
    entry.name: entry
    for entry in (
        ForeignWeights("dncnn_25", "DnCNN: grey, sigma 25", f"{_KAIR}dncnn_25.pth", 3, None, "MIT", _ZHANG),
        ForeignWeights(
            "dncnn_color_blind",
            "DnCNN: colour, sigma 0 to 55",
            f"{_KAIR}dncnn_color_blind.pth",
            3,
            None,
            "MIT",
            _ZHANG,
        ),
        ForeignWeights(
            "swinir_color_25",
            "SwinIR: colour, sigma 25",
            f"{_SWINIR}005_colorDN_DFWB_s128w8_SwinIR-M_noise25.pth",
            123,
            None,
            "Apache-2.0",
            _LIANG,
        ),
        ForeignWeights(
            "realesrgan_x4",
            "RRDB: photographs enlarged ×4",
            f"{_ESRGAN}v0.1.0/RealESRGAN_x4plus.pth",
            67,
            "4fa0d38905f75ac06eb49a7951b426670021be3018265fd191d2125df9d682f1",
            "BSD-3-Clause",
            _WANG,
        ),
    )
}
"""By name, in the order of lists."""


def find(name: str) -> ForeignWeights:
    """The weights of that name.

    Raises:
        DarkroomError: there are none.

    Example:
        >>> find("dncnn_25").path().name
        'dncnn_25.pth'
    """
    if name not in WEIGHTS:
        raise DarkroomError(f"no weights {name!r} in the catalogue; there are {', '.join(WEIGHTS)} (see `darkroom models`)")
    return WEIGHTS[name]


def get(
    weights: ForeignWeights, *, progress: ProgressBar | None = None, log: Callable[[str], None] = lambda line: None
) -> Path:
    """Download and verify weights; a file that is there already is verified again.

    Args:
        weights: what to download.
        progress: shows the download.
        log: is given a line when a checksum is recorded or compared, or a download is continued.

    Raises:
        DarkroomError: the server does not respond, the file is too large or has another checksum, or the disk is full; nothing
            that was not verified is kept under the file's name.
    """
    path = weights.path()
    first = checksums.first_download(weights.url)
    if path.exists():
        verify(weights, checksums.sha256(path), first, log)
        return path
    transfer = Transfer(weights.url, path.with_name(f".{path.name}.part"), 2_000_000 * weights.megabytes, progress, log)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        transfer.run()
        digest = checksums.sha256(transfer.path)
        try:
            verify(weights, digest, first, log)
            transfer.path.replace(path)
        finally:
            transfer.remove()
        if weights.sha256 is None and first is None:
            checksums.record(weights.url, digest)
    except OSError as error:
        raise DarkroomError(f"cannot write {path}: {no_room(error) or error.strerror or error}") from error
    return path
