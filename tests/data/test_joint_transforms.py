"""Input, target and condition of an example are transformed alike; label maps keep their ids."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.dataset import Dataset
from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.core.method import Example
from darkroom.data.joint_transforms import JointTransform
from darkroom.data.streams import PatchStream, batches
from darkroom.operators.noise import Gaussian, NoisyPair

sides = st.integers(1, 30)


def coordinates(height: int, width: int) -> torch.Tensor:
    """A label map that numbers its pixels, so that each one says where it came from."""
    return torch.arange(height * width).view(1, height, width)


class Numbered(Dataset):
    """Photographs whose red channel is the row and whose green channel is the column; pixel numbers as label maps."""

    name = "numbered"

    def __init__(self, height: int, width: int, reverse: bool = False) -> None:
        self.height, self.width, self.reverse = height, width, reverse

    @property
    def names(self) -> list[str]:
        return ["only"]

    def __len__(self) -> int:
        return 1

    def example(self, index: int) -> Example:
        rows = torch.arange(self.height, dtype=torch.uint8)[:, None].expand(-1, self.width)
        columns = torch.arange(self.width, dtype=torch.uint8)[None].expand(self.height, -1)
        photograph, ids = torch.stack([rows, columns, 200 + 0 * rows]), coordinates(self.height, self.width)
        level = torch.tensor(0.1)
        return Example(photograph, ids, (level,)) if self.reverse else Example(ids, photograph, (level,))


@given(height=sides, width=sides, patch=sides, step=st.integers(0, 1000), reverse=st.booleans(), augmentation=st.booleans())
def test_input_and_target_have_the_same_geometry(height, width, patch, step, reverse, augmentation):
    dataset = Numbered(height, width, reverse)
    stream = PatchStream(dataset, patch_size=patch, batch_size=1, seed=0, augmentation="dihedral" if augmentation else "flip")
    input, target, condition = stream.sample(step, 0)
    photograph, ids = (input, target) if reverse else (target, input)
    assert photograph.shape == (3, patch, patch) and photograph.dtype == torch.float32
    assert ids.shape == (1, patch, patch) and ids.dtype == torch.int64
    seen = (photograph * 255).round().long()
    assert torch.equal(seen[0] * width + seen[1], ids[0])
    assert set(ids.unique().tolist()) <= set(range(height * width))
    assert len(condition) == 1 and condition[0] == torch.tensor(0.1)


@given(height=sides, width=sides, step=st.integers(0, 1000))
def test_colours_change_in_images_only(height: int, width: int, step: int):
    ids, photograph, _ = PatchStream(
        Numbered(height, width), patch_size=(height, width), batch_size=1, seed=0, augmentation="none", shuffle_colors=True
    ).sample(step, 0)
    assert torch.equal(ids, coordinates(height, width))
    original = to_float(Numbered(height, width).example(0).target)
    assert sorted(photograph.flatten(1).tolist()) == sorted(original.flatten(1).tolist())


def test_input_and_target_have_the_same_order_of_channels():
    class Twice(Numbered):
        def example(self, index: int) -> Example:
            photograph = super().example(index).target
            return Example(photograph, photograph.clone())

    stream = PatchStream(Twice(5, 7), patch_size=4, batch_size=1, seed=0, shuffle_colors=True)
    samples = [stream.sample(step, 0) for step in range(40)]
    assert all(torch.equal(sample.input, sample.target) for sample in samples)
    assert len({tuple((sample.input.amax((1, 2)) * 255 > 100).tolist()) for sample in samples}) == 3  # blue is 200 everywhere


@given(height=sides, width=sides, new_height=sides, new_width=sides, top=st.integers(0, 2**62), left=st.integers(0, 2**62))
def test_a_crop_is_a_window_of_the_reflected_image(height, width, new_height, new_width, top, left):
    found = JointTransform((new_height, new_width), top, left)(coordinates(height, width))[0]
    assert found.shape == (new_height, new_width)
    rows, columns = found // width, found % width
    assert torch.equal(rows, rows[:, :1].expand_as(rows)) and torch.equal(columns, columns[:1].expand_as(columns))
    for line, length in ((rows[:, 0], height), (columns[0], width)):
        assert (line.diff().abs() <= 1).all()
        if len(line) <= length:
            assert (line.diff() == 1).all()  # no reflection where the image is large enough


def test_whole_images_are_flipped_only():
    stream = PatchStream(Numbered(4, 6), patch_size=None, batch_size=1, seed=0, augmentation="flip")
    found = {tuple(stream.sample(step, 0).input.flatten().tolist()) for step in range(30)}
    numbers = coordinates(4, 6)
    assert found == {tuple(numbers.flatten().tolist()), tuple(numbers.flip(-1).flatten().tolist())}


def test_examples_become_batches():
    stream = PatchStream(Numbered(20, 20), patch_size=8, batch_size=4, seed=0)
    batch = next(batches(stream, 0, 1))
    assert batch.input.shape == (4, 1, 8, 8) and batch.target.shape == (4, 3, 8, 8) and batch.condition[0].shape == (4,)


def test_what_cannot_be_cropped_or_degraded_is_refused():
    class Unequal(Numbered):
        def example(self, index: int) -> Example:
            return Example(super().example(index).input, super().example(index).target[:, :2])

    with pytest.raises(ValueError, match=r"sizes differ.*\(1, 4, 6\), \(3, 2, 6\)"):
        PatchStream(Unequal(4, 6), patch_size=2, batch_size=1, seed=0).sample(0, 0)
    labels = PatchStream(Numbered(4, 6, reverse=True), NoisyPair(Gaussian(1.0)), patch_size=2, batch_size=1, seed=0)
    with pytest.raises(DarkroomError, match="numbered has labels as targets, which cannot be degraded"):
        labels.sample(0, 0)
