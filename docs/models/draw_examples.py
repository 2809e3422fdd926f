"""Draws the images of the model cards: what a network is given at the left, enlarged bicubically if it is small, its result at the right.

python docs/models/draw_examples.py
"""

from pathlib import Path

import torch
from torch import Tensor

import darkroom
from darkroom.core.images import ImageFile, round_to_8_bits, to_float, write
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.operators.jpeg import compress
from darkroom.operators.motion import CameraShake
from darkroom.operators.noise import Gaussian
from darkroom.operators.resample import downscale, upscale
from darkroom.operators.shaken import ShakenPair

SIDE = 256
"""Side of each image in pixels."""

MARGIN = 24
"""The blurred image is smaller than the sharp one by so many pixels."""


def main() -> None:
    astronaut, coffee = (to_float(embedded("heldout")[number]) for number in (0, 1))
    face, cup = astronaut[:, 20 : 20 + SIDE, 100 : 100 + SIDE], coffee[:, 60 : 60 + SIDE, 200 : 200 + SIDE]
    noisy = Gaussian(25.0, quantised=True)(face, generator("card"))[0]
    show("denoise", noisy, darkroom.restore(noisy, "denoise"))
    compressed = compress(cup, 10)
    show("jpeg", compressed, darkroom.restore(compressed, "jpeg"))
    shaken = ShakenPair(CameraShake(MARGIN + 1, length=16, exposures=(1.0,)), sigma=1.0)
    blurred = shaken(astronaut[:, 20 : 20 + SIDE + MARGIN, 100 : 100 + SIDE + MARGIN], generator("card")).input
    show("deblur", blurred, darkroom.restore(blurred, "deblur"))
    for scale in (2, 4):
        small = downscale(face[None], scale, "matlab")
        show(f"enlarge_{scale}", upscale(small, scale)[0], darkroom.restore(small[0], f"enlarge_{scale}"))
        file = compress(round_to_8_bits(small[0]), 60)
        show(f"enlarge_{scale}_jpeg", upscale(file[None], scale)[0], darkroom.restore(file, f"enlarge_{scale}_jpeg"))


def show(name: str, before: Tensor, after: Tensor) -> None:
    """Write two images side by side."""
    both = torch.cat([before, after], dim=2)
    write(Path(__file__).with_name(f"{name}.jpg"), ImageFile(round_to_8_bits(both)))


if __name__ == "__main__":
    main()
