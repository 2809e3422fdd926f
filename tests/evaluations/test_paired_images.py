import math

import pytest
import torch

from darkroom.core.dataset import Dataset
from darkroom.core.errors import DarkroomError
from darkroom.core.evaluation import PREVIEW_SIDE, PREVIEWS, Outcome
from darkroom.core.method import Example, Method
from darkroom.data.embedded import embedded
from darkroom.data.image_set import ImageSet
from darkroom.evaluations.paired_images import PairedImages, SeveralDegradations
from darkroom.metrics.fidelity import l1, psnr, ssim
from darkroom.operators.noise import Gaussian, NoisyPair
from darkroom.operators.resample import DownscaledPair, upscalings

CPU = torch.device("cpu")


def unchanged(batch: Example) -> torch.Tensor:
    return batch.input


def noisy(sigma: float, count: int = 3, **settings) -> PairedImages:
    images = embedded("heldout").first(count)
    return PairedImages(images, NoisyPair(Gaussian(sigma)), (psnr,), variant={"sigma": sigma}, **settings)


class Images(Dataset):
    """Random images of given sizes, with an input that is half as bright."""

    name = "random"

    def __init__(self, *sizes: tuple[int, int]) -> None:
        self.sizes = sizes
        self.read: list[int] = []

    @property
    def names(self) -> list[str]:
        return [f"i{number}" for number in range(len(self.sizes))]

    def __len__(self) -> int:
        return len(self.sizes)

    def example(self, index: int) -> Example:
        self.read.append(index)
        image = torch.randint(256, (3, *self.sizes[index]), generator=torch.Generator().manual_seed(index), dtype=torch.uint8)
        return Example(image // 2, image)


@pytest.mark.parametrize("sigma", [5.0, 15.0])
def test_the_noisy_input_has_its_known_psnr(sigma: float):
    value = noisy(sigma, 1).evaluate(unchanged, CPU).scores["psnr"].value
    assert 20 * math.log10(255 / sigma) - 0.1 < value < 20 * math.log10(255 / sigma) + 0.6


def test_every_image_has_the_same_noise_in_every_evaluation():
    seen: list[Example] = []

    def watch(batch: Example) -> torch.Tensor:
        seen.append(batch)
        return batch.input

    evaluation = noisy(25.0, 2)
    first, second = evaluation.evaluate(watch, CPU), evaluation.evaluate(watch, CPU)
    assert first.scores == second.scores and first.scores["psnr"].count == 2 == len(evaluation)
    noises = [batch.input - batch.target for batch in seen]
    assert torch.equal(noises[0], noises[2])
    torch.testing.assert_close(noises[0].flatten()[:1000], noises[1].flatten()[:1000], atol=1e-6, rtol=0)
    other = noisy(25.0, 2, seed=1).evaluate(watch, CPU)
    assert other.scores != first.scores


def test_scores_are_those_of_the_metric_on_each_image():
    images = Images((16, 20), (24, 12), (16, 20))
    evaluation = PairedImages(images, None, (psnr, ssim, l1))
    outcome = evaluation.evaluate(unchanged, CPU)
    for metric in evaluation.metrics:
        expected = [metric(*(x[None] / 255 for x in images.example(index)[:2])).item() for index in range(3)]
        assert outcome.scores[metric.name].values == pytest.approx(expected)
    assert outcome.curves == {} and outcome.seconds > 0 and evaluation.protocol() == "inputs as the test set has them"


def test_batches_hold_images_of_equal_size_and_change_no_score():
    images = Images((16, 20), (16, 20), (16, 20), (24, 12), (16, 20))
    shapes = []

    def watch(batch: Example) -> torch.Tensor:
        shapes.append(tuple(batch.input.shape))
        return batch.input

    single = PairedImages(images, None, (psnr,)).evaluate(unchanged, CPU)
    progress: list[tuple[int, int]] = []
    batched = PairedImages(images, None, (psnr,), batch_size=2).evaluate(watch, CPU, lambda *done: progress.append(done))
    assert shapes == [(2, 3, 16, 20), (1, 3, 16, 20), (1, 3, 24, 12), (1, 3, 16, 20)]
    assert progress == [(2, 5), (3, 5), (4, 5), (5, 5)]
    assert batched.scores["psnr"].values == pytest.approx(single.scores["psnr"].values)
    assert [preview.name for preview in batched.previews] == ["i0", "i1", "i2"]
    for ours, theirs in zip(batched.previews, single.previews, strict=True):
        assert torch.equal(ours.images["prediction"], theirs.images["prediction"])


def test_conditions_are_collated():
    conditions = []
    evaluation = PairedImages(embedded("heldout"), NoisyPair(Gaussian(25.0), noise_conditional=True), (psnr,))
    evaluation.evaluate(lambda batch: conditions.append(batch.condition[0]) or batch.input, CPU)
    torch.testing.assert_close(torch.stack(conditions), torch.full((3, 1), 25 / 255))


def steps(count) -> object:
    """An iterative predictor that approaches the target, in `count(batch)` steps."""

    def predict(batch: Example):
        total = count(batch)
        for step in range(1, total + 1):
            yield batch.input + (batch.target - batch.input) * step / (total + 1)

    return predict


def test_every_iterate_is_scored_and_the_last_one_is_the_prediction():
    images = Images((16, 20), (24, 12))
    evaluation = PairedImages(images, None, (psnr, l1))
    outcome = evaluation.evaluate(steps(lambda batch: 3), CPU)
    assert list(outcome.curves) == ["psnr", "l1"]
    assert [len(curve) for curve in outcome.curves.values()] == [3, 3]
    for step, value in enumerate(outcome.curves["l1"], 1):
        expected = [(1 - step / 4) * (x.target / 255 - x.input / 255).abs().mean().item() for x in map(images.example, (0, 1))]
        assert value == pytest.approx(sum(expected) / 2, rel=1e-4)
    for name, curve in outcome.curves.items():
        assert curve[-1] == outcome.scores[name].value


def test_curves_end_where_the_shortest_sequence_does():
    evaluation = PairedImages(Images((16, 20), (24, 12)), None, (l1,))
    outcome = evaluation.evaluate(steps(lambda batch: 4 if batch.input.shape[2] == 16 else 2), CPU)
    assert len(outcome.curves["l1"]) == 2
    full = [evaluation.first(1).evaluate(steps(lambda batch: 4), CPU), evaluation.evaluate(steps(lambda batch: 2), CPU)]
    assert outcome.scores["l1"].values == pytest.approx([full[0].scores["l1"].values[0], full[1].scores["l1"].values[1]])
    assert evaluation.evaluate(steps(lambda batch: 1), CPU).curves == {}
    one = evaluation.evaluate(steps(lambda batch: 4 if batch.input.shape[2] == 16 else 1), CPU)
    assert one.curves == {}


def test_a_method_is_evaluated_by_its_iterates():
    class Halving(Method):
        def networks(self):
            return {}

        def losses(self, batch, step):
            yield from ()

        def predict(self, batch):
            *_, last = self.iterates(batch)
            return last

        def iterates(self, batch):
            yield batch.input * 1.5
            yield batch.input * 2

    evaluation = PairedImages(Images((16, 20)), None, (l1,))
    outcome = evaluation.evaluate(evaluation.predictor(Halving()), CPU)
    assert outcome.scores["l1"].value < 1 / 255 and len(outcome.curves["l1"]) == 2


def test_previews_show_the_same_part_of_the_scene_in_each_resolution():
    evaluation = PairedImages(embedded("heldout"), DownscaledPair(2, "matlab"), (psnr,), baselines=upscalings(2))
    outcome = evaluation.evaluate(evaluation.baselines["bicubic"], CPU)
    assert isinstance(outcome, Outcome) and len(outcome.previews) == PREVIEWS
    for preview in outcome.previews:
        assert list(preview.images) == ["input", "prediction", "target"]
        low, ours, target = preview.images.values()
        assert ours.shape == target.shape == (3, 2 * low.shape[1], 2 * low.shape[2])
        assert max(target.shape) <= PREVIEW_SIDE
        down = torch.nn.functional.avg_pool2d(target, 2)
        assert (down - low).abs().mean() < 0.03 < (down - low.flip(2)).abs().mean()


def test_validation_on_fewer_images_reads_no_others():
    images = Images(*[(16, 20)] * 10)
    evaluation = PairedImages(images, None, (psnr, ssim), baselines={"input": unchanged}, variant={"scale": 2.0})
    for fewer, indices in ((evaluation.first(3), [0, 1, 2]), (evaluation.subset(4), [0, 3, 6, 9])):
        images.read.clear()
        fewer = fewer.with_metrics((psnr,))
        outcome = fewer.evaluate(unchanged, CPU)
        assert images.read == indices and outcome.scores["psnr"].count == len(indices) == len(fewer)
        assert fewer.baselines == {} and fewer.title == "random, scale 2" == evaluation.title
        assert list(outcome.scores) == ["psnr"] and [preview.name for preview in outcome.previews][0] == "i0"
    assert len(evaluation) == 10 and list(evaluation.baselines) == ["input"] and len(evaluation.first(99)) == 10


def test_several_degradations_make_several_examples_of_each_image():
    class Darker:
        def __str__(self) -> str:
            return "multiplied by 1/2 and by 1/4"

        def __call__(self, name: str):
            return [lambda image, random, c=c: Example(c * image, image) for c in (0.5, 0.25)]

    evaluation = SeveralDegradations(Images((16, 20), (24, 12)), Darker(), (l1,))
    outcome = evaluation.evaluate(unchanged, CPU)
    assert len(evaluation) == outcome.scores["l1"].count == 4 == evaluation.describe().count
    half, quarter, *_ = outcome.scores["l1"].values
    assert quarter == pytest.approx(1.5 * half)
    assert [preview.name for preview in outcome.previews] == ["i0 1", "i0 2", "i1 1"]
    assert evaluation.protocol() == "multiplied by 1/2 and by 1/4"


def test_faults_name_the_file(photos):
    images = ImageSet.from_path(photos)
    too_small = PairedImages(images, DownscaledPair(100, "matlab"), (psnr,))
    with pytest.raises(DarkroomError, match=r"p0\.png: .*too small"):
        too_small.evaluate(unchanged, CPU)
    wrong = PairedImages(images, DownscaledPair(2, "matlab"), (psnr,))
    with pytest.raises(DarkroomError, match=r"p0\.png: PSNR: the prediction is 3x24x28 .* and its target 3x48x56"):
        wrong.evaluate(unchanged, CPU)


def test_making_an_evaluation_reads_nothing_and_opening_a_missing_set_says_so(tmp_path):
    evaluation = PairedImages(
        ImageSet("nowhere", lambda: ImageSet.from_path(tmp_path / "absent").files), NoisyPair(Gaussian(25.0)), (psnr,)
    )
    assert "25" in evaluation.protocol() and evaluation.title == "nowhere" and evaluation.first(2).name == "nowhere"
    with pytest.raises(DarkroomError, match="absent"):
        evaluation.open()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_the_same_scores():
    images = Images((16, 20), (16, 20), (24, 12))
    evaluation = PairedImages(images, None, (psnr, ssim, l1), batch_size=2)
    devices = []

    def watch(batch: Example) -> torch.Tensor:
        devices.append(batch.input.device.type)
        return batch.input

    ours, reference = evaluation.evaluate(watch, torch.device("cuda")), evaluation.evaluate(unchanged, CPU)
    assert set(devices) == {"cuda"} and all(x.device == CPU for p in ours.previews for x in p.images.values())
    for name, score in reference.scores.items():
        assert ours.scores[name].values == pytest.approx(score.values, rel=1e-5)


def test_gradients_are_not_recorded_and_the_record_is_complete():
    weight = torch.nn.Parameter(torch.ones(()))
    modes = []

    def predict(batch: Example) -> torch.Tensor:
        modes.append(torch.is_inference_mode_enabled())
        return batch.input * weight

    evaluation = noisy(25.0, 1)
    evaluation.open()
    evaluation.evaluate(predict, CPU)
    record = evaluation.describe()
    assert modes == [True] and (record.dataset, record.count, record.variant) == ("embedded-heldout", 1, {"sigma": 25.0})
    assert record.metrics == {"psnr": psnr.describe()} and record.protocol == evaluation.protocol()


def test_a_fingerprint_changes_with_whatever_changes_a_score():
    class Hidden:
        """A degradation whose words do not tell everything."""

        def __init__(self, strength: float) -> None:
            self.strength = strength

        def __str__(self) -> str:
            return "hidden"

        def __call__(self, image, random):
            return Example(image * self.strength, image)

    images = embedded("heldout").first(2)
    made = {
        "one": PairedImages(images, Hidden(0.5), (psnr,)),
        "same": PairedImages(embedded("heldout").first(2), Hidden(0.5), (psnr,), batch_size=2),
        "degradation": PairedImages(images, Hidden(0.4), (psnr,)),
        "metric": PairedImages(images, Hidden(0.5), (ssim,)),
        "seed": PairedImages(images, Hidden(0.5), (psnr,), seed=1),
        "variant": PairedImages(images, Hidden(0.5), (psnr,), variant={"x": 1.0}),
        "images": PairedImages(embedded("heldout").first(3), Hidden(0.5), (psnr,)),
    }
    prints = {name: evaluation.fingerprint() for name, evaluation in made.items()}
    assert prints["one"] == prints.pop("same") and len(set(prints.values())) == 6
    assert PairedImages(Images((16, 20)), None, (psnr,)).fingerprint() == ""
