"""BSDS500 (Arbeláez, Maire, Fowlkes, Malik 2011) in its official layout, split as denoising and super-resolution do.

Denoising holds out BSD68 (Roth & Black 2009) for evaluation; the other 432 images are for training. Super-resolution holds out
BSD100, the test images of BSDS300, which are `val` here; the other 400 are for training. BSD68 is a subset of BSD100.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from darkroom.core.errors import DarkroomError
from darkroom.core.paths import data_root
from darkroom.data.image_set import ImageSet, files_below

BSD68 = frozenset(
    """
    101085 101087 102061 103070 105025 106024 108005 108070 108082 109053 119082 12084 123074 126007 130026 134035 14037
    143090 145086 147091 148026 148089 157055 159008 160068 16077 163085 167062 167083 170057 175032 175043 182053
    189080 19021 196073 197017 208001 210088 21077 216081 219090 220075 223061 227092 229036 236037 24077 241004 241048
    253027 253055 260058 271035 285079 291000 295087 296007 296059 299086 300091 302008 304034 304074 306005 3096 33039
    351093
    """.split()  # noqa: SIM905
)
"""Numbers of the 68 images, all of them in `val`."""


def bsds500(split: Literal["432", "68", "400", "100"], *, grey: bool = False) -> ImageSet:
    """BSDS500 without BSD68 ("432"), BSD68 ("68"), BSDS500 without BSD100 ("400"), or BSD100 ("100").

    Read from `BSDS500/data/images/{train,val,test}` below the data root.
    """
    names = {"432": "bsds432", "68": "bsd68" if grey else "cbsd68", "400": "bsds400", "100": "bsd100"}
    return ImageSet(names[split], lambda: _files(split), grey=grey)


def _files(split: str) -> Mapping[str, Path]:
    root = data_root() / "BSDS500" / "data" / "images"
    if not root.is_dir():
        raise DarkroomError(
            f"BSDS500 is not at {root}: get it with `darkroom data get bsds500`, or point DARKROOM_DATA at the folder that holds BSDS500"
        )
    parts = {part: {path.stem: path for path in files_below(root / part).values()} for part in ("train", "val", "test")}
    everything = parts["train"] | parts["val"] | parts["test"]
    evaluated = parts["val"].keys() if split in ("400", "100") else BSD68
    found = {name: path for name, path in everything.items() if (name in evaluated) == (split in ("68", "100"))}
    if len(found) != int(split):
        raise DarkroomError(
            f"BSDS500 at {root} has {len(everything)} images instead of 500: remove the folder and run `darkroom data get bsds500`"
        )
    return found
