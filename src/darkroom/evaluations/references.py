"""The reference images of metrics of whole sets: the format of their files, and statistics that are known from the cache."""

from collections.abc import Iterable
from pathlib import PurePath

from darkroom.core.dataset import Dataset
from darkroom.core.metric import Accumulator
from darkroom.metrics.distribution import DistributionAccumulator

_FORMATS = {"jpg": "JPEG", "jpeg": "JPEG", "tif": "TIFF"}


def file_format(dataset: Dataset) -> str:
    """The format of the files that a dataset's targets are read from, "" where they are no files.

    Statistics of images from JPEG files are not those of images that were never compressed.

    Example:
        >>> from darkroom.data.embedded import embedded
        >>> file_format(embedded("heldout"))
        'JPEG and PNG'
    """
    files = getattr(getattr(dataset, "targets", dataset), "files", {})
    endings = {PurePath(str(file)).suffix.lower().removeprefix(".") for file in files.values()}
    return " and ".join(sorted(_FORMATS.get(ending, ending.upper()) for ending in endings if ending))


def begin(accumulators: Iterable[Accumulator], references: str) -> bool:
    """Tell metrics of distributions which references they will see; returns whether no accumulator needs to see them.

    Args:
        accumulators: of an evaluation.
        references: a digest of the reference images, "" where there is none.
    """
    known = [isinstance(each, DistributionAccumulator) and each.begin(references) for each in accumulators]
    return all(known)
