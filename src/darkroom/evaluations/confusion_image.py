"""A confusion matrix to look at."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

NAMED = 40
"""Up to so many classes, axes carry their names."""


def confusion_image(matrix: Int[Tensor, "classes classes"], classes: Sequence[str]) -> Float[Tensor, "3 height width"]:
    """A drawing of a confusion matrix: a row for each true class, as shares of the class; `[i, j]` counts i predicted as j.

    Example:
        >>> tuple(confusion_image(torch.eye(3, dtype=torch.long), ["cat", "dog", "owl"]).shape)
        (3, 512, 512)
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    shares = matrix / matrix.sum(1, keepdim=True).clamp(min=1)
    figure = Figure(figsize=(5.12, 5.12), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.imshow(shares.numpy(), vmin=0, vmax=1, cmap="viridis", interpolation="nearest")
    axes.set(xlabel="predicted class", ylabel="class")
    if len(classes) <= NAMED:
        size = max(4, min(9, 160 / max(len(classes), 1)))
        axes.set_xticks(range(len(classes)), classes, rotation=90, fontsize=size)
        axes.set_yticks(range(len(classes)), classes, fontsize=size)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255
