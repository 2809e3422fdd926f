"""Datasets that can be downloaded: address, size, licence and citation."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from darkroom.core.errors import DarkroomError
from darkroom.core.paths import data_root


@dataclass(frozen=True)
class Entry:
    """One downloadable dataset.

    Args:
        name: argument of `darkroom data get`.
        title: its usual name.
        url: of the archive.
        megabytes: size of the archive, rounded, or None where it is not known.
        sha256: of the archive; None where its publisher does not keep the file unchanged.
        licence: the terms, in a few words.
        citation: authors, title, venue, year.
        folder: its place below the data root.
        inside: the folder in the archive whose content is put there.
        images: number of images in each subfolder ("" for the folder itself).
        unpacked_megabytes: limit on the size of the archive and of its content.
        most_files: limit on the number of files in the archive.
        read: decodes the images below a folder and returns their number, where they are not files of their own.
    """

    name: str
    title: str
    url: str
    megabytes: int | None
    sha256: str | None
    licence: str
    citation: str
    folder: str
    inside: str
    images: dict[str, int]
    unpacked_megabytes: int = 1000
    most_files: int = 20_000
    read: Callable[[Path], int] | None = None

    @property
    def minutes(self) -> float | None:
        """Time to download at 20 Mbit/s, or None where the size is not known."""
        return self.megabytes * 8 / 20 / 60 if self.megabytes else None

    def path(self) -> Path:
        """The dataset's folder, whether it exists or not."""
        return data_root() / self.folder

    @property
    def largest_bytes(self) -> int:
        """The limit on the size of the archive and of its content."""
        return self.unpacked_megabytes * 1_000_000

    def check(self) -> int:
        """Decode every image, and return their number.

        Raises:
            DarkroomError: the dataset is missing, incomplete, or has a broken image; the line says how to get it.
        """
        remedy = f"get it with `darkroom data get {self.name}`"
        if not self.path().is_dir():
            raise DarkroomError(f"{self.title} is not at {self.path()}: {remedy}")
        try:
            return self.decode(self.path())
        except DarkroomError as error:
            raise DarkroomError(f"{error}: remove {self.path()} and {remedy}") from error

    def decode(self, folder: Path) -> int:
        """Decode every image of the dataset in any folder, and return their number.

        Raises:
            DarkroomError: images are missing or broken.
        """
        from darkroom.core.images import read_uint8
        from darkroom.data.image_set import files_below

        if self.read is not None:
            return self.read(folder)
        for subfolder, count in self.images.items():
            part = folder / subfolder
            found = files_below(part) if part.is_dir() else {}
            if len(found) != count:
                raise DarkroomError(f"{part} has {len(found)} images instead of {count}")
            for path in found.values():
                read_uint8(path)
        return sum(self.images.values())


def _cifar10(folder: Path) -> int:
    """The number of images in CIFAR-10's batches.

    Raises:
        DarkroomError: batches are missing, broken or incomplete.
    """
    from darkroom.data.cifar10 import Cifar10

    training, test = len(Cifar10("train", folder=folder)), len(Cifar10("test", folder=folder))
    if (training, test) != (50_000, 10_000):
        raise DarkroomError(f"{folder} has {training} training and {test} test images instead of 50000 and 10000")
    return training + test


# Public repositories that contain the small test sets, at fixed commits.
_SWINIR = ("JingyunLiang/SwinIR", "33f616625268d08ba600f8db89388eec0328edb1")
_FFDNET = ("cszn/FFDNet", "a68d544599bb9bb2f89da51ab9e18458fa882023")

CATALOGUE = {
    entry.name: entry
    for entry in (
        Entry(
            name="bsds500",
            title="BSDS500",
            url="https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/BSR/BSR_bsds500.tgz",
            megabytes=71,
            sha256=None,
            licence="non-commercial research and education",
            citation="Arbeláez, Maire, Fowlkes, Malik: Contour Detection and Hierarchical Image Segmentation. PAMI 2011",
            folder="BSDS500",
            inside="BSR/BSDS500",
            images={"data/images/train": 200, "data/images/val": 100, "data/images/test": 200},
            unpacked_megabytes=400,
            most_files=10_000,
        ),
        Entry(
            name="cifar10",
            title="CIFAR-10",
            url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            megabytes=170,
            sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            licence="none stated; cite the report where it is used",
            citation="Krizhevsky: Learning Multiple Layers of Features from Tiny Images. Technical report, Toronto 2009",
            folder="cifar-10-batches-bin",
            inside="cifar-10-batches-bin",
            images={},
            unpacked_megabytes=400,
            most_files=100,
            read=_cifar10,
        ),
        *(
            Entry(
                name=name,
                title=title,
                url=f"https://github.com/{repository}/archive/{commit}.zip",
                megabytes=None,
                sha256=None,
                licence="research; the images keep their owners' rights",
                citation=citation,
                folder=title,
                inside=f"{repository.split('/')[1]}-{commit}/testsets/{inside}",
                images={"": count},
            )
            for name, title, (repository, commit), inside, count, citation in (
                ("set5", "Set5", _SWINIR, "Set5/HR", 5, "Bevilacqua, Roumy, Guillemot, Alberi-Morel. BMVC 2012"),
                ("set12", "Set12", _SWINIR, "Set12", 12, "Zhang, Zuo, Chen, Meng, Zhang: Beyond a Gaussian Denoiser. TIP 2017"),
                ("mcmaster", "McMaster", _SWINIR, "McMaster", 18, "Zhang, Wu, Buades, Li: Color Demosaicking. JEI 2011"),
                ("kodak24", "Kodak24", _FFDNET, "Kodak24", 24, "Franzen: Kodak Lossless True Color Image Suite"),
            )
        ),
    )
}


def entry(name: str) -> Entry:
    """The entry of that name.

    Raises:
        DarkroomError: there is none.
    """
    if name not in CATALOGUE:
        raise DarkroomError(f"no dataset {name!r} in the catalogue; there are {', '.join(CATALOGUE)}")
    return CATALOGUE[name]
