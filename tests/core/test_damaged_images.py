"""Damaged image files, made with a fixed seed: an image, or one line."""

import io
import random
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from darkroom.core import images
from darkroom.core.errors import DarkroomError
from darkroom.core.image_codecs import Encoded

ARRAY = np.random.default_rng(0).integers(0, 65536, (40, 30, 4), dtype=np.uint16)
EIGHT = Image.fromarray((ARRAY[..., :3] >> 8).astype(np.uint8))


def of_pillow(kind: str, image: Image.Image = EIGHT, **options: Any) -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A camera"
    file = io.BytesIO()
    image.save(file, kind, **({"exif": exif} if kind in ("PNG", "JPEG", "TIFF", "WEBP") else {}), **options)
    return file.getvalue()


def tiff(array: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, array, **options)
    return file.getvalue()


def deep_png() -> bytes:
    import png

    file = io.BytesIO()
    png.Writer(30, 40, bitdepth=16, greyscale=False).write(file, ARRAY[..., :3].reshape(40, -1).tolist())
    return file.getvalue()


FILES = {
    **{kind: of_pillow(kind) for kind in ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "PPM")},
    **{
        f"animated {kind}": of_pillow(kind, save_all=True, append_images=[EIGHT.rotate(90)] * 2)
        for kind in ("GIF", "PNG", "WEBP")
    },
    "CMYK": of_pillow("JPEG", Image.fromarray((ARRAY >> 8).astype(np.uint8), "CMYK")),
    "16-bit TIFF": tiff(ARRAY[..., :3], photometric="rgb", compression="zlib", predictor=True),
    "tiled 16-bit TIFF": tiff(ARRAY[..., :3], photometric="rgb", tile=(16, 16)),
    "pages": tiff(np.stack([ARRAY[..., :3]] * 3), photometric="rgb"),
    "16-bit PNG": deep_png(),
}


def damaged(content: bytes, random_: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(random_.choice([1, 1, 3, 10])):
        place = random_.randrange(min(len(changed), random_.choice([64, 300, len(changed)])))
        changed[place] = random_.choice([0, 1, 128, 255, random_.randrange(256)])
    return bytes(changed[: random_.randrange(1, len(changed))] if random_.random() < 0.3 else changed)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_image_is_one_line_or_an_image(kind: str):
    random_ = random.Random(kind)
    for _ in range(20):
        source = Encoded("folder/x", damaged(FILES[kind], random_))
        for read in (images.read, images.read_uint8, images.size, images.frames):
            try:
                found = read(source)
            except DarkroomError as error:
                assert str(error).startswith("folder/x") and "\n" not in str(error)  # noqa: PT017
                continue
            if isinstance(found, images.ImageFile):
                assert found.pixels.isfinite().all() and images.size(source) == tuple(found.pixels.shape[:0:-1])
