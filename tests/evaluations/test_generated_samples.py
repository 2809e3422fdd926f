import pytest
import torch

from darkroom.core.dataset import Dataset
from darkroom.core.errors import DarkroomError
from darkroom.core.method import Example, Method
from darkroom.data.image_set import ImageSet
from darkroom.evaluations.generated_samples import GeneratedSamples, real_images
from darkroom.evaluations.grid import grid
from darkroom.metrics.distribution import fid, frechet_distance
from darkroom.metrics.features import Features

CPU = torch.device("cpu")
PIXELS = frechet_distance(Features("the pixels", lambda: torch.nn.Flatten()), "frechet_pixels", "Fréchet distance of pixels")


class Levels(Dataset):
    """Grey images of 2x2 pixels, uniformly distributed in 0 to 1."""

    name = "levels"

    def __init__(self, count: int, largest: float = 1.0) -> None:
        self.pixels = torch.rand(count, 1, 2, 2, generator=torch.Generator().manual_seed(0)) * largest

    @property
    def names(self) -> list[str]:
        return [f"{number}" for number in range(len(self.pixels))]

    def __len__(self) -> int:
        return len(self.pixels)

    def example(self, index: int) -> Example:
        return Example(self.pixels[index], self.pixels[index])

    def digests(self) -> dict[str, str]:
        return {name: str(self.pixels[int(name)].sum()) for name in self.names}


def uniform(count: int, random: torch.Generator) -> torch.Tensor:
    return torch.rand(count, 1, 2, 2, generator=random)


def test_equal_distributions_are_near_and_different_ones_as_far_as_known():
    for largest in (1.0, 0.5):
        # In four independent pixels: means 1/2 and l/2, deviations 1/sqrt(12) and l/sqrt(12).
        expected = 4 * ((1 - largest) ** 2 / 4 + (1 - largest) ** 2 / 12)
        evaluation = GeneratedSamples(Levels(4000, largest), 5000, (PIXELS,), batch_size=700)
        outcome = evaluation.evaluate(uniform, CPU)
        score = outcome.scores["frechet_pixels_small_5000"]
        assert score.value == pytest.approx(expected, abs=0.01)
        assert score.count == 5000 == len(evaluation)


def test_samples_come_in_batches_from_seeded_generators_and_are_not_kept():
    counts, firsts = [], []

    def generate(count: int, random: torch.Generator) -> torch.Tensor:
        counts.append(count)
        samples = uniform(count, random)
        firsts.append(samples[0].clone())
        return samples

    progress: list[tuple[int, int]] = []
    evaluation = GeneratedSamples(Levels(7), 10, (PIXELS,), batch_size=4)
    first = evaluation.evaluate(generate, CPU, lambda *done: progress.append(done))
    assert counts == [4, 4, 2] and progress == [(4, 10), (8, 10), (10, 10)]
    second = evaluation.evaluate(generate, CPU)
    assert first.scores == second.scores
    assert len({tuple(x.flatten().tolist()) for x in firsts}) == 3
    assert GeneratedSamples(Levels(7), 10, (PIXELS,), batch_size=4, seed=1).evaluate(generate, CPU).scores != first.scores


def test_more_references_than_samples_are_all_counted():
    few = GeneratedSamples(Levels(300), 20, (PIXELS,), batch_size=16).evaluate(uniform, CPU)
    again = GeneratedSamples(Levels(300), 20, (PIXELS,), batch_size=20).evaluate(
        lambda count, random: torch.cat([uniform(min(16, count - i), _at(i)) for i in (0, 16)]), CPU
    )
    assert few.scores["frechet_pixels_small_20"].value == pytest.approx(again.scores["frechet_pixels_small_20"].value, rel=1e-5)


def _at(start: int) -> torch.Generator:
    from darkroom.core.randomness import generator

    return generator(0, "samples", start)


def test_previews_are_a_grid_of_samples_beside_one_of_images():
    outcome = GeneratedSamples(Levels(100), 100, (PIXELS,)).evaluate(uniform, CPU)
    (preview,) = outcome.previews
    assert list(preview.images) == ["prediction", "target"]
    assert preview.images["prediction"].shape == preview.images["target"].shape == (1, 8 * 4 + 2, 8 * 4 + 2)
    assert torch.equal(preview.images["target"][:, 2:4, 6:8], Levels(100).pixels[1])
    assert grid([torch.full((3, 4, 4), 7.0)]).shape == (3, 8, 50) and grid([torch.full((3, 4, 4), 7.0)]).max() == 1


def test_a_method_is_evaluated_by_its_samples():
    class Uniform(Method):
        sample = staticmethod(uniform)

        def networks(self):
            return {}

        def losses(self, batch, step):
            yield from ()

        def predict(self, batch):
            raise NotImplementedError

    evaluation = GeneratedSamples(Levels(10), 10, (PIXELS,))
    assert evaluation.predictor(Uniform()) is uniform
    assert "10 samples" in evaluation.protocol() and evaluation.fingerprint()


def test_references_are_read_once_and_then_known(monkeypatch, tmp_path):
    monkeypatch.setenv("DARKROOM_CACHE", str(tmp_path))
    images = Levels(300)
    evaluation = GeneratedSamples(images, 20, (PIXELS,), batch_size=50)
    first = evaluation.evaluate(uniform, CPU)
    read: list[int] = []
    monkeypatch.setattr(images, "example", lambda index: read.append(index) or Levels.example(images, index))
    second = evaluation.evaluate(uniform, CPU)
    assert first.scores == second.scores and read == list(range(51))  # one batch for the preview
    assert torch.equal(first.previews[0].images["target"][:, :6, :6], second.previews[0].images["target"][:, :6, :6])
    for other in (Levels(299), Levels(300, 0.9)):
        assert GeneratedSamples(other, 20, (PIXELS,)).evaluate(uniform, CPU).scores != first.scores


def test_real_images_are_the_floor_of_a_protocol():
    test, train = Levels(400), Levels(500)
    evaluation = GeneratedSamples(test, 200, (PIXELS,), baselines={"training images": real_images(train)})
    floor = evaluation.evaluate(evaluation.baselines["training images"], CPU).scores["frechet_pixels_small_200"].value
    dark = evaluation.evaluate(lambda count, random: 0.8 * uniform(count, random), CPU).scores["frechet_pixels_small_200"].value
    assert 0 < floor < 0.02 < dark


def test_the_record_has_both_numbers_and_the_file_format(photos):
    record = GeneratedSamples(ImageSet.from_path(photos), 10, (fid(),)).describe()
    assert list(record.metrics) == ["fid_small_10"] and record.metrics["fid_small_10"].title == "FID small@10"
    assert record.metrics["fid_small_10"].protocol.endswith("; 10 predictions against 4 images (PNG)")
    assert GeneratedSamples(Levels(7), 50_000, (fid(),)).describe().metrics["fid"].protocol.endswith("against 7 images")


def test_faults_are_said_in_a_line():
    with pytest.raises(DarkroomError, match="0 samples cannot be evaluated"):
        GeneratedSamples(Levels(10), 0, (PIXELS,))
    with pytest.raises(DarkroomError, match="returned 5 samples where 10 were requested"):
        GeneratedSamples(Levels(10), 10, (PIXELS,)).evaluate(lambda count, random: uniform(5, random), CPU)
    with pytest.raises(DarkroomError, match="needs at least 2 images of either set; 10 were generated, and 1 are real"):
        GeneratedSamples(Levels(1), 10, (PIXELS,)).evaluate(uniform, CPU)
