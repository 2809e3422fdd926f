import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.engine.journal import beside_each_other, middles


@given(height=st.integers(1, 40), width=st.integers(1, 40), factor=st.integers(1, 4), side=st.integers(8, 64))
def test_the_middles_of_a_scene_show_the_same_part_of_it(height: int, width: int, factor: int, side: int):
    """Every small pixel carries its own number; its enlargement must lie over it."""
    low = torch.arange(height * width, dtype=torch.float32).view(1, height, width) / (height * width)
    high = low.repeat_interleave(factor, 1).repeat_interleave(factor, 2)
    a, b, c = middles(low, high, high, side=side)
    assert torch.equal(b, a.repeat_interleave(factor, 1).repeat_interleave(factor, 2)) and torch.equal(b, c)
    assert max(b.shape) <= side or max(b.shape) == factor * max(1, side // factor)


def test_a_strip_is_as_wide_as_its_pictures_enlarged():
    strip = beside_each_other([torch.zeros(3, 5, 6), torch.ones(3, 10, 12), torch.ones(3, 10, 12)])
    assert strip.shape == (3, 10, 36)
    assert strip[..., :12].max() == 0
