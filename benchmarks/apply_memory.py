"""Peak memory and time of `darkroom apply` on a 24-megapixel photograph, in a process of its own."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from PIL import Image
from torch import nn

from darkroom.core import images
from darkroom.core.images import to_float
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.networks.dncnn import DnCNN
from darkroom.networks.safmn import SAFMN


def main() -> None:
    dncnn = DnCNN(3, 64, 20).initialise(generator(0))
    torch.nn.init.normal_(dncnn.layers[-1].weight, std=1e-3, generator=generator(1))
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        image = images.to_uint8(to_float(embedded("heldout")[0])).permute(1, 2, 0).numpy()
        Image.fromarray(image).resize((6000, 4000), Image.Resampling.BICUBIC).save(photo, quality=95)
        _measure("DnCNN-20 colour", dncnn, photo, Path(folder), "model.", 1)
        _measure("SAFMN x2", SAFMN(2).initialise(generator(0)), photo, Path(folder), "", 2)


def _measure(title: str, network: nn.Module, photo: Path, folder: Path, prefix: str, scale: int) -> None:
    weights, output = folder / "weights.pth", folder / "out.png"
    torch.save({prefix + name.removeprefix("layers."): tensor for name, tensor in network.state_dict().items()}, weights)
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "darkroom", "apply", str(photo), "-o", str(output), "--weights", str(weights)]
    )
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    Image.MAX_IMAGE_PIXELS = None  # 96 megapixels are intended
    with Image.open(output) as image:
        assert image.size == (6000 * scale, 4000 * scale)
    print(f"\n24 megapixels, {title}: peak {usage.ru_maxrss / 2**20:.2f} GiB, {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
