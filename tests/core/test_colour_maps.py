import matplotlib
import numpy as np
import pytest
import torch

from darkroom.core.colour_maps import colours_of


@pytest.mark.parametrize("name", ["viridis", "inferno"])
def test_colours_are_matplotlibs(name):
    theirs = matplotlib.colormaps[name](range(256))[:, :3]
    ours = colours_of(torch.arange(256)[None] / 255, name)[:, 0].T.numpy()
    assert np.abs(255 * (ours - theirs)).max() < 1.5  # between two given colours
