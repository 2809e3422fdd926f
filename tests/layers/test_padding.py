import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.layers.padding import pad_to_multiple


@given(height=st.integers(1, 40), width=st.integers(1, 40), multiple=st.integers(1, 12))
def test_images_are_padded_to_multiples_by_reflection_or_replication(height: int, width: int, multiple: int):
    images = torch.rand(2, 3, height, width)
    padded = pad_to_multiple(images, multiple)
    below, right = -height % multiple, -width % multiple
    mode = "reflect" if below < height and right < width else "edge"
    expected = np.pad(images.numpy(), [(0, 0), (0, 0), (0, below), (0, right)], mode=mode)
    np.testing.assert_array_equal(padded.numpy(), expected)
