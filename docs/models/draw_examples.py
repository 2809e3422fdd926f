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
from darkroom.operators.noise import Gaussian
from darkroom.operators.resample import downscale, upscale

SIDE = 256
"""Side of each image in pixels."""


def main() -> None:
    astronaut, coffee = (to_float(embedded("heldout")[number]) for number in (0, 1))
    face, cup = astronaut[:, 20 : 20 + SIDE, 100 : 100 + SIDE], coffee[:, 60 : 60 + SIDE, 200 : 200 + SIDE]
    noisy = Gaussian(25.0, quantised=True)(face, generator("card"))[0]
    show("denoise", noisy, darkroom.restore(noisy, "denoise"))
    compressed = compress(cup, 10)
    show("jpeg", compressed, darkroom.restore(compressed, "jpeg"))
    for scale in (2, 4):
        small = downscale(face[None], scale, "matlab")
        show(f"enlarge_{scale}", upscale(small, scale)[0], darkroom.restore(small[0], f"enlarge_{scale}"))


def show(name: str, before: Tensor, after: Tensor) -> None:
    """Write two images side by side."""
    both = torch.cat([before, after], dim=2)
    write(Path(__file__).with_name(f"{name}.jpg"), ImageFile(round_to_8_bits(both)))


if __name__ == "__main__":
    main()
