from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.data.captures import Captures
from darkroom.data.embedded import embedded
from darkroom.data.named_sets import training
from darkroom.data.streams import PatchStream, batches
from darkroom.operators.noise import Gaussian, NoisyPair
from darkroom.operators.turn import turned, turned_back

NOISY = NoisyPair(Gaussian((0.0, 55.0)), noise_conditional=True)
EMBEDDED = embedded("train")


def stream(batch: int = 6, seed: int = 0, patch: int = 17) -> PatchStream:
    return PatchStream(EMBEDDED, NOISY, patch_size=patch, batch_size=batch, seed=seed)


def equal(a, b) -> bool:
    return torch.equal(a.source, b.source) and torch.equal(a.target, b.target) and torch.equal(a.given[0], b.given[0])


def test_workers_change_nothing():
    alone = list(batches(stream(), 3, 8))
    helped = list(batches(stream(), 3, 8, workers=2))
    assert len(alone) == len(helped) == 5
    assert all(equal(a, b) for a, b in zip(alone, helped, strict=True))


def test_starting_later_changes_nothing():
    assert equal(list(batches(stream(), 0, 5))[3], list(batches(stream(), 3, 5))[0])


@pytest.mark.parametrize("world", [1, 2, 3, 6])
def test_processes_see_together_what_one_would(world: int):
    whole = next(batches(stream(), 4, 5))
    parts = [next(batches(stream(), 4, 5, rank=rank, world=world)) for rank in range(world)]
    assert torch.equal(torch.cat([part.source for part in parts]), whole.source)


def test_an_uneven_share_is_refused():
    with pytest.raises(DarkroomError, match="batch of 6 cannot be divided evenly among 4"):
        batches(stream(), 0, 1, world=4)


def test_seed_and_step_and_index_matter():
    first = stream().sample(0, 0)
    for other in (stream(seed=1).sample(0, 0), stream().sample(1, 0), stream().sample(0, 1)):
        assert not equal(first, other)


@given(side=st.integers(1, 60), step=st.integers(0, 1000))
def test_samples_have_their_shape_and_range(side: int, step: int):
    pair = stream(patch=side).sample(step, 0)
    assert pair.input.shape == pair.target.shape == (3, side, side)
    assert pair.target.min() >= 0 and pair.target.max() <= 1
    assert 0 <= pair.condition[0] <= 55 / 255


def test_a_patch_is_a_turned_piece_of_a_picture():
    pair = stream(patch=24).sample(0, 2)
    picture_windows = [to_float(image).unfold(1, 24, 1).unfold(2, 24, 1) for image in EMBEDDED]
    found = any(
        (windows[0] - turned(pair.target, way)[0]).abs().amax((-1, -2)).min() == 0
        for windows in picture_windows
        for way in range(8)
    )
    assert found


def test_colours_are_exchanged_in_all_six_ways_where_asked(tmp_path: Path):
    Image.new("RGB", (40, 40), (10, 20, 30)).save(tmp_path / "p.png")
    clean = NoisyPair(Gaussian(0.0))
    shuffled = PatchStream(training(str(tmp_path)), clean, patch_size=4, batch_size=1, seed=0, shuffle_colors=True)
    orders = {tuple((shuffled.sample(step, 0).target[:, 0, 0] * 255).round().int().tolist()) for step in range(60)}
    assert orders == {(10, 20, 30), (10, 30, 20), (20, 10, 30), (20, 30, 10), (30, 10, 20), (30, 20, 10)}
    plain = PatchStream(training(str(tmp_path)), clean, patch_size=4, batch_size=1, seed=0)
    assert {tuple((plain.sample(step, 0).target[:, 0, 0] * 255).round().int().tolist()) for step in range(20)} == {(10, 20, 30)}


def test_every_picture_and_every_turn_comes_up():
    square = torch.arange(9).reshape(1, 3, 3)
    assert len({tuple(turned(square, way).flatten().tolist()) for way in range(8)}) == 8
    assert all(torch.equal(turned_back(turned(square, way), way), square) for way in range(8))


@pytest.mark.parametrize("size", [(1, 1), (5, 60), (60, 5)])
def test_pictures_smaller_than_the_patch_are_continued(tmp_path: Path, size: tuple[int, int]):
    Image.effect_noise(size, 80).save(tmp_path / "small.png")
    small = PatchStream(training(str(tmp_path)), NOISY, patch_size=32, batch_size=1, seed=0)
    assert small.sample(0, 0).target.shape == (3, 32, 32)


def test_senseless_sizes_are_refused():
    with pytest.raises(DarkroomError, match="--patch 0"):
        stream(patch=0)


def test_a_captured_picture_has_one_noise_for_good(photos: Path):
    images = training(str(photos)).first(1)
    stream = Captures(images, NoisyPair(Gaussian(25.0)), patch_size=48, batch_size=2, seed=3)
    stream.open()
    noises = []
    for step in range(40):  # 48 rows fill the image: patches differ by their column and their turn alone
        pair = stream.sample(step, step % 2)
        noises.append((pair.input - pair.target).flatten().sort().values)
        assert pair.input.shape == (3, 48, 48)
    again = Captures(images, NoisyPair(Gaussian(25.0)), patch_size=48, batch_size=2, seed=3)
    assert torch.equal(again.sample(7, 1).source, stream.sample(7, 1).source)
    drawn = {round(float(noise[0]), 4) for noise in noises}
    assert len(drawn) <= 9  # nine places; noise drawn anew would have forty smallest values
    with pytest.raises(DarkroomError, match="--patch 0"):
        Captures(images, NoisyPair(Gaussian(25.0)), patch_size=0, batch_size=1, seed=0)
