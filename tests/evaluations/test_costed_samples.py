import pytest
import torch
from torch import nn

from darkroom.core.evaluation import no_progress
from darkroom.core.generative import GenerativeMethod
from darkroom.core.method import Method
from darkroom.data.digits import Digits
from darkroom.data.generation_sets import Unlabelled
from darkroom.evaluations.costed_samples import CostedSamples
from darkroom.evaluations.generated_samples import real_images
from darkroom.evaluations.likelihood import Likelihood
from darkroom.metrics.distribution import frechet_distance
from darkroom.metrics.features import Features
from darkroom.processes.noise import generators

CPU = torch.device("cpu")
PIXELS = frechet_distance(Features("the pixels", lambda: nn.Flatten()), "frechet_pixels", "Fréchet distance of pixels")


class Noise(GenerativeMethod):
    """Uniform noise, through a convolution that is applied `steps` times."""

    shape = (1, 8, 8)
    samplers = ("generator", "twice")

    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Conv2d(1, 1, 3, padding=1)

    def networks(self):
        return {"generator": self.generator}

    def losses(self, batch, step):
        yield from ()

    def predict(self, batch):
        raise NotImplementedError

    def sample(self, count, random, *, sampler="", steps=0, progress=no_progress):
        name = self.check_sampler(sampler)
        x = torch.stack([torch.rand(self.shape, generator=one) for one in generators(random, count)])
        for _ in range((steps or 1) * (2 if name == "twice" else 1)):
            x = self.generator(x)
        return x.clamp(0, 1)

    def bits_per_dimension(self, images, generator):
        return images.flatten(1).mean(1) + torch.stack([torch.rand((), generator=one) for one in generator])


def evaluation(sampler: str = "generator", steps: int = 0, **options) -> CostedSamples:
    return CostedSamples(Unlabelled(Digits("train")), 20, (PIXELS,), sampler=sampler, steps=steps, batch_size=8, **options)


def test_costs_are_counted_for_one_sample():
    for sampler, steps, expected in (("generator", 0, 1), ("generator", 5, 5), ("twice", 3, 6)):
        costed = evaluation(sampler, steps)
        outcome = costed.evaluate(costed.predictor(Noise()), CPU)
        assert outcome.scores["network_evaluations"].value == expected
        assert outcome.scores["giga_multiply_adds"].value == pytest.approx(expected * 9 * 64 / 1e9)
        assert set(outcome.scores) == {metric.name for metric in costed.metrics}
        assert outcome.scores["frechet_pixels_small_20"].count == 20
    assert evaluation("twice", 3).variant == {"sampler": "twice", "steps": 3.0} and evaluation().variant == {
        "sampler": "generator"
    }


def test_baselines_cost_nothing_and_training_images_are_no_overlap():
    costed = evaluation(baselines={"test images": real_images(Unlabelled(Digits("test")))}, settings="as it is")
    scores = costed.evaluate(costed.baselines["test images"], CPU).scores
    assert scores["network_evaluations"].value == scores["giga_multiply_adds"].value == 0
    assert costed.digests() == {} and costed.fingerprint() == ""
    assert costed.protocol() == "20 samples against the images of digits-train; as it is"


def test_likelihood_is_of_each_image():
    test = Unlabelled(Digits("test"))
    likelihood = Likelihood(test, 40, seed=3)
    likelihood.open()
    outcome = likelihood.evaluate(likelihood.predictor(Noise()), CPU)
    score = outcome.scores["bits_per_dimension"]
    assert score.count == len(likelihood) == len(score.values) == 40
    few = Likelihood(test, 35, seed=3)
    assert few.evaluate(few.predictor(Noise()), CPU).scores["bits_per_dimension"].values == pytest.approx(score.values[:35])
    assert set(likelihood.digests()) == set(test.names[:40])


class Silent(Method):
    def networks(self):
        return {}

    def losses(self, batch, step):
        yield from ()

    def predict(self, batch):
        raise NotImplementedError


def test_a_method_without_samples_or_density_is_a_defect():
    with pytest.raises(TypeError, match="Silent draws no samples"):
        evaluation().predictor(Silent())
    with pytest.raises(TypeError, match="Silent has no likelihood"):
        Likelihood(Unlabelled(Digits("test")), 4).predictor(Silent())
