"""Peak memory and time of `darkroom apply` on a 24-megapixel photograph, in a process of its own."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from PIL import Image

from darkroom.core import images
from darkroom.core.images import to_float
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.networks.dncnn import DnCNN


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        photo, weights = Path(folder) / "photo.jpg", Path(folder) / "dncnn.pth"
        picture = images.to_uint8(to_float(embedded("heldout")[0])).permute(1, 2, 0).numpy()
        Image.fromarray(picture).resize((6000, 4000), Image.Resampling.BICUBIC).save(photo, quality=95)
        network = DnCNN(3, 64, 20).initialise(generator(0))
        torch.nn.init.normal_(network.layers[-1].weight, std=1e-3, generator=generator(1))
        torch.save({f"model.{name.removeprefix('layers.')}": tensor for name, tensor in network.state_dict().items()}, weights)
        begun = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "darkroom", "apply", str(photo), "-o", f"{folder}/out.png", "--weights", str(weights)]
        )
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0
        assert images.read(Path(folder) / "out.png").pixels.shape == (3, 4000, 6000)
        print(f"\n24 megapixels, DnCNN-20 colour: peak {usage.ru_maxrss / 2**20:.2f} GiB, {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
