from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.core.method import Example
from darkroom.core.record import DataRecord
from darkroom.core.stream import Stream
from darkroom.data.embedded import embedded
from darkroom.data.fixed_degradation import FixedDegradation
from darkroom.data.image_set import ImageSet
from darkroom.data.named_sets import training_images
from darkroom.data.streams import EmptyStream, PatchStream, batches
from darkroom.operators.dihedral import dihedral
from darkroom.operators.noise import Gaussian, NoisyPair

NOISY = NoisyPair(Gaussian((0.0, 55.0)), noise_conditional=True)
EMBEDDED = embedded("train")


def stream(batch_size: int = 6, seed: int = 0, patch_size: int = 17) -> PatchStream:
    return PatchStream(EMBEDDED, NOISY, patch_size=patch_size, batch_size=batch_size, seed=seed)


def equal(a: Example, b: Example) -> bool:
    return torch.equal(a.input, b.input) and torch.equal(a.target, b.target) and torch.equal(a.condition[0], b.condition[0])


def test_workers_change_nothing():
    alone = list(batches(stream(), 3, 8))
    helped = list(batches(stream(), 3, 8, workers=2))
    assert len(alone) == len(helped) == 5
    assert all(equal(a, b) for a, b in zip(alone, helped, strict=True))


def test_starting_later_changes_nothing():
    assert equal(list(batches(stream(), 0, 5))[3], next(batches(stream(), 3, 5)))


@pytest.mark.parametrize("world_size", [1, 2, 3, 6])
def test_processes_see_together_what_one_would(world_size: int):
    whole = next(batches(stream(), 4, 5))
    parts = [next(batches(stream(), 4, 5, rank=rank, world_size=world_size)) for rank in range(world_size)]
    assert torch.equal(torch.cat([part.input for part in parts]), whole.input)


@pytest.mark.parametrize("world_size", [1, 2])
@pytest.mark.parametrize("workers", [0, 2])
def test_several_batches_of_a_step(world_size: int, workers: int):
    source = stream(batch_size=4)
    options = dict(batches_per_step=3, workers=workers, world_size=world_size)
    parts = [list(batches(source, 7, 9, rank=rank, **options)) for rank in range(world_size)]
    assert [len(step) for part in parts for step in part] == [3] * 2 * world_size
    for number, step in enumerate((7, 8)):
        for k in range(3):
            together = torch.cat([part[number][k].input for part in parts])
            expected = torch.stack([source.sample(step, k * 4 + index).input for index in range(4)])
            assert torch.equal(together, expected)
    assert equal(parts[0][0][0], next(batches(source, 7, 8, world_size=world_size)))  # the first is the only one of others


def test_an_uneven_share_is_refused():
    with pytest.raises(DarkroomError, match="batch of 6 cannot be divided evenly among 4"):
        batches(stream(), 0, 1, world_size=4)


def test_seed_and_step_and_index_matter():
    first = stream().sample(0, 0)
    for other in (stream(seed=1).sample(0, 0), stream().sample(1, 0), stream().sample(0, 1)):
        assert not equal(first, other)


@given(side=st.integers(1, 60), step=st.integers(0, 1000))
def test_samples_have_their_shape_and_range(side: int, step: int):
    example = stream(patch_size=side).sample(step, 0)
    assert example.input.shape == example.target.shape == (3, side, side)
    assert example.target.min() >= 0 and example.target.max() <= 1
    assert 0 <= example.condition[0] <= 55 / 255


def test_a_patch_is_a_crop_of_an_image_flipped_and_rotated(photos: Path):
    images = training_images(str(photos)).first(1)
    target = PatchStream(images, NOISY, patch_size=24, batch_size=1, seed=0).sample(0, 2).target
    windows = to_float(images[0][0]).unfold(0, 24, 1).unfold(1, 24, 1)
    assert any((windows - dihedral(target, element)[0]).abs().amax((-1, -2)).min() == 0 for element in range(8))


def test_colour_channels_are_permuted_in_all_six_orders(tmp_path: Path):
    Image.new("RGB", (40, 40), (10, 20, 30)).save(tmp_path / "p.png")
    clean = NoisyPair(Gaussian(0.0))
    shuffled = PatchStream(training_images(str(tmp_path)), clean, patch_size=4, batch_size=1, seed=0, shuffle_colors=True)
    orders = {tuple((shuffled.sample(step, 0).target[:, 0, 0] * 255).round().int().tolist()) for step in range(60)}
    assert orders == {(10, 20, 30), (10, 30, 20), (20, 10, 30), (20, 30, 10), (30, 10, 20), (30, 20, 10)}
    plain = PatchStream(training_images(str(tmp_path)), clean, patch_size=4, batch_size=1, seed=0)
    assert {tuple((plain.sample(step, 0).target[:, 0, 0] * 255).round().int().tolist()) for step in range(20)} == {(10, 20, 30)}


@pytest.mark.parametrize(("augmentation", "count"), [("dihedral", 8), ("flip", 2), ("none", 1)])
def test_an_augmentation_draws_all_its_orientations(tmp_path: Path, augmentation: str, count: int):
    Image.effect_noise((9, 9), 80).save(tmp_path / "p.png")
    images = training_images(str(tmp_path))
    samples = PatchStream(images, NoisyPair(Gaussian(0.0)), patch_size=9, batch_size=1, seed=0, augmentation=augmentation)
    found = {tuple(samples.sample(step, 0).target.flatten().tolist()) for step in range(80)}
    expected = {tuple(dihedral(to_float(images[0]), element).flatten().tolist()) for element in range(count)}
    assert found == expected


@pytest.mark.parametrize("size", [(1, 1), (5, 60), (60, 5)])
def test_images_smaller_than_the_patch_are_extended(tmp_path: Path, size: tuple[int, int]):
    Image.effect_noise(size, 80).save(tmp_path / "small.png")
    small = PatchStream(training_images(str(tmp_path)), NOISY, patch_size=32, batch_size=1, seed=0)
    assert small.sample(0, 0).target.shape == (3, 32, 32)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (dict(patch_size=0), "at least 1, given 0 and 1"),
        (dict(patch_size=8, batch_size=0), "at least 1, given 8 and 0"),
        (dict(patch_size=(8, 0)), "at least 1"),
        (dict(patch_size=None), "whole images cannot be rotated by 90 degrees"),
        (dict(patch_size=(8, 16)), "patches of 16x8 cannot be rotated"),
    ],
)
def test_impossible_sizes_are_refused(changes: dict, words: str):
    with pytest.raises(DarkroomError, match=words):
        PatchStream(EMBEDDED, NOISY, **{"batch_size": 1, "seed": 0, **changes})


def test_a_stream_says_what_it_draws(photos: Path):
    images = training_images(str(photos))
    patches = PatchStream(images, NoisyPair(Gaussian(25.0)), patch_size=8, batch_size=4, seed=0, shuffle_colors=True)
    assert isinstance(patches, Stream)
    assert patches.describe() == DataRecord(
        "photos",
        4,
        samples_per_step=4,
        sample="random 8x8 patch, flipped and rotated by multiples of 90°, colour channels permuted",
        degradation=str(NoisyPair(Gaussian(25.0))),
    )
    whole = PatchStream(images, patch_size=None, batch_size=2, seed=0, augmentation="flip").describe()
    assert (whole.sample, whole.degradation) == ("whole image, flipped horizontally", "none")
    assert patches.digests() == images.digests() and len(patches.digests()) == 4
    assert EmptyStream().describe().count == 0 and EmptyStream().digests() == {}


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_turns_out_broken_is_one_line(photos: Path, workers: int):
    images = ImageSet("x", lambda: {"gone": photos / "gone.png"})
    with pytest.raises(DarkroomError) as caught:
        list(batches(PatchStream(images, NOISY, patch_size=8, batch_size=1, seed=0), 0, 2, workers=workers))
    assert str(caught.value) == f"no image at {photos / 'gone.png'}"


def test_a_fixed_degradation_has_one_noise_for_each_image(photos: Path):
    images = training_images(str(photos)).first(1)

    def fixed() -> PatchStream:
        dataset = FixedDegradation(images, NoisyPair(Gaussian(25.0)), seed=3)
        return PatchStream(dataset, patch_size=48, batch_size=2, seed=3)

    stream = fixed()
    stream.open()
    noises = []
    for step in range(40):  # 48 rows fill the image: patches differ by their column and their orientation alone
        example = stream.sample(step, step % 2)
        noises.append((example.input - example.target).flatten().sort().values)
        assert example.input.shape == (3, 48, 48)
    assert torch.equal(fixed().sample(7, 1).input, stream.sample(7, 1).input)
    smallest = {round(float(noise[0]), 4) for noise in noises}
    assert len(smallest) <= 9  # nine positions; noise drawn anew would have forty smallest values
    assert stream.describe().degradation.endswith("drawn once for each image")
    assert stream.digests() == images.digests()
