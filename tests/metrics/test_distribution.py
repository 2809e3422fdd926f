import math

import numpy as np
import pytest
import scipy.linalg
import torch

from darkroom.core.errors import DarkroomError
from darkroom.core.images import round_to_8_bits
from darkroom.core.metric import ComparedSets
from darkroom.metrics import reference_cache
from darkroom.metrics.distribution import fid, frechet_distance, kernel_distance, kid, random_frechet_distance
from darkroom.metrics.features import Features, inception_features

CPU = torch.device("cpu")
PIXELS = Features("the pixels", torch.nn.Flatten)
FRECHET = frechet_distance(PIXELS, "frechet_pixels", "Fréchet distance of pixels")


def gaussian(mean: list[float], factor: list[list[float]], count: int, seed: int) -> torch.Tensor:
    """Images of one row with the given mean and covariance factor·factorᵀ."""
    noise = np.random.default_rng(seed).standard_normal((count, len(mean)))
    return torch.from_numpy(mean + noise @ np.array(factor).T).float()[:, None, None, :]


def frechet(mean1, cov1, mean2, cov2) -> float:
    root = scipy.linalg.sqrtm(np.asarray(cov1) @ np.asarray(cov2)).real
    return float(np.sum((np.array(mean1) - mean2) ** 2) + np.trace(cov1 + cov2 - 2 * root))


def test_frechet_distance_of_gaussians_has_a_closed_form():
    mean1, factor1 = [0.4, 0.5, 0.6], np.array([[0.08, 0, 0], [0.03, 0.05, 0], [0, 0.02, 0.06]])
    mean2, factor2 = [0.5, 0.5, 0.45], np.array([[0.04, 0, 0], [0, 0.09, 0], [0.02, 0.02, 0.03]])
    ours, real = gaussian(mean1, factor1, 40_000, 0), gaussian(mean2, factor2, 30_000, 1)
    state = FRECHET.accumulator(CPU)
    for batch in ours.split(10_000):
        state.update(batch, None)
    state.update(None, real)
    score = state.compute()
    expected = frechet(mean1, factor1 @ factor1.T, mean2, factor2 @ factor2.T)
    assert score.value == pytest.approx(expected, rel=0.03)
    assert score.count == 40_000 and score.deviation is None and score.values == ()
    samples = [round_to_8_bits(x).flatten(1).double().numpy() for x in (ours, real)]
    exact = frechet(*[f(x) for x in samples for f in (lambda x: x.mean(0), lambda x: np.cov(x, rowvar=False))])
    assert score.value == pytest.approx(exact, rel=1e-6)


def test_identical_sets_are_at_distance_zero_with_fewer_images_than_features():
    images = torch.rand(10, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    state = FRECHET.accumulator(CPU)
    state.update(images, images.clone())
    assert state.compute().value == pytest.approx(0, abs=1e-9)


def test_kernel_distance_is_the_unbiased_discrepancy():
    ours, real = gaussian([0.4, 0.5], [[0.1, 0], [0, 0.1]], 50, 0), gaussian([0.6, 0.5], [[0.1, 0], [0, 0.1]], 50, 1)
    state = kernel_distance(PIXELS, "kernel_pixels", "KID of pixels").accumulator(CPU)
    state.update(ours, real)
    x, y = (round_to_8_bits(images).flatten(1).double() for images in (ours, real))
    kxx, kyy, kxy = ((a @ b.T / 2 + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    n = len(x)
    expected = sum(float(k.sum() - k.trace()) / (n * (n - 1)) for k in (kxx, kyy)) - 2 * float(kxy.mean())
    assert state.compute().value == pytest.approx(expected, rel=1e-4)


def test_kernel_distance_leaves_the_global_generator_alone_and_is_deterministic():
    images = gaussian([0.4, 0.5], [[0.1, 0], [0, 0.1]], 60, 0)
    values = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        state = kernel_distance(PIXELS, "kernel_pixels", "KID of pixels", 20).accumulator(CPU)
        state.update(images, images.flip(0) * 0.9)
        values.append(state.compute().value)
        assert torch.equal(before, torch.get_rng_state())
    assert values[0] == values[1]


def test_names_titles_and_records_tell_protocols_apart(tmp_path):
    assert fid().of_samples(50_000) == fid() != fid().of_samples(1000)
    assert kid().of_samples(500).title == "KID small@500" and kid(subset_size=100).name == "kid_subsets_100"
    assert "not comparable with numbers of 50,000 samples" in fid().of_samples(1000).definition
    assert fid().of_samples(60_000).name == "fid_large_60000"
    record = fid().describe(ComparedSets(50_000, 50_000, "PNG"))
    assert record.protocol == (
        "features of Inception v3 (pooled) (weights 6726825d), images resized to 299x299 by TensorFlow 1's bilinear "
        "interpolation, without antialiasing; 50,000 predictions against 50,000 images (PNG)"
    )
    (tmp_path / "other.pth").write_bytes(b"other weights")
    other = inception_features(tmp_path / "other.pth", published=False)
    others = [
        frechet_distance(other, "fid", "FID").describe(ComparedSets(50_000, 50_000, "PNG")),
        fid().describe(ComparedSets(50_000, 10_000, "PNG")),
        fid().describe(ComparedSets(50_000, 50_000, "JPEG")),
        kid().describe(ComparedSets(500, 500, "PNG")),
        random_frechet_distance().describe(ComparedSets(50_000, 50_000, "PNG")),
    ]
    assert len({record.protocol, *(other.protocol for other in others)}) == 6
    assert fid().describe().protocol == ""


@pytest.mark.parametrize(("predictions", "references"), [(0, 5), (1, 5), (5, 1), (5, 0)])
def test_sets_that_are_too_small_are_named_before_and_refused_after(predictions: int, references: int):
    words = f"needs at least 2 images of either set; {predictions} were generated, and {references} are real"
    assert words in FRECHET.undefined(ComparedSets(predictions, references)) and not FRECHET.undefined(ComparedSets(2, 2))
    state = FRECHET.accumulator(CPU)
    state.update(torch.rand(predictions, 1, 2, 2), torch.rand(references, 1, 2, 2))
    with pytest.raises(DarkroomError, match=words):
        state.compute()


def test_an_image_that_is_not_finite_makes_the_distance_nan():
    images = torch.rand(6, 3, 8, 8)
    broken = images.clone()
    broken[3, 0, 0, 0] = math.nan
    for metric in (FRECHET, random_frechet_distance(), kernel_distance(PIXELS, "k", "K")):
        for predictions, references in ((broken, images), (images, broken), (broken / 0, images)):
            state = metric.accumulator(CPU)
            state.update(predictions.clone(), references.clone())
            assert math.isnan(state.compute().value)


def test_sets_of_other_sizes_are_refused_where_they_are_not_resized():
    square, wide, grey = torch.rand(3, 3, 8, 8), torch.rand(3, 3, 8, 9), torch.rand(3, 1, 8, 8)
    for predictions, references in (([square], [square, wide]), ([grey], [square]), ([wide], [square])):
        state = random_frechet_distance().accumulator(CPU)
        for images in predictions:
            state.update(images, None)
        for images in references:
            state.update(None, images)
        with pytest.raises(DarkroomError, match=r"of equal sizes; predictions are \dx8x\d and references 3x8x8"):
            state.compute()
    state = random_frechet_distance().accumulator(CPU)
    state.update(square, wide)
    state.update(wide, square)
    assert state.compute().value < 1e-6


def test_sizes_of_references_are_known_from_the_cache_too(monkeypatch, tmp_path):
    monkeypatch.setenv("DARKROOM_CACHE", str(tmp_path))
    for images in (torch.rand(3, 3, 8, 8), torch.rand(3, 3, 9, 8)):
        state = random_frechet_distance().accumulator(CPU)
        assert state.begin("key") == (images.shape[2] == 9)
        state.update(images, torch.rand(3, 3, 8, 8))
        if images.shape[2] == 8:
            state.compute()
    with pytest.raises(DarkroomError, match="predictions are 3x9x8 and references 3x8x8"):
        state.compute()


def test_images_that_are_resized_may_be_of_any_size():
    averaged = Features(
        "colours", lambda: torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()), resizer="averaged"
    )
    state = frechet_distance(averaged, "x", "X").accumulator(CPU)
    state.update(torch.rand(3, 3, 8, 8), torch.rand(4, 3, 5, 9))
    assert state.compute().value > 0


@pytest.mark.parametrize("make", [frechet_distance, kernel_distance])
def test_references_come_from_the_cache_the_second_time(make, monkeypatch, tmp_path):
    monkeypatch.setenv("DARKROOM_CACHE", str(tmp_path))
    predictions, references = torch.rand(12, 3, 4, 4), torch.rand(9, 3, 4, 4)
    metric = make(PIXELS, "name", "Title")

    def evaluate(key: str, real: torch.Tensor) -> tuple[bool, float]:
        state = metric.accumulator(CPU)
        known = state.begin(key)
        state.update(predictions.clone(), real.clone())
        return known, state.compute().value

    first = evaluate("a", references)
    assert first == (False, evaluate("a", torch.zeros(9, 3, 4, 4))[1]) and evaluate("a", references) == (True, first[1])
    assert evaluate("b", references / 2) == (False, evaluate("", references / 2)[1]) != first
    (entry, _) = sorted(tmp_path.glob("references/*"), key=lambda file: file.stat().st_mtime)
    entry.write_bytes(entry.read_bytes()[:-5])
    assert evaluate("a", references) == first
    other = Features("other pixels", torch.nn.Flatten)
    assert reference_cache.entry("a", PIXELS.protocol(), "sums") != reference_cache.entry("a", other.protocol(), "sums")


@pytest.mark.parametrize("lost", ["numbers", "sizes", "statistic"])
@pytest.mark.parametrize("make", [frechet_distance, kernel_distance])
def test_an_entry_of_another_layout_is_computed_again(make, lost: str, monkeypatch, tmp_path):
    monkeypatch.setenv("DARKROOM_CACHE", str(tmp_path))
    predictions, references = torch.rand(12, 3, 4, 4), torch.rand(9, 3, 4, 4)

    def evaluate() -> tuple[bool, float]:
        state = make(PIXELS, "name", "Title").accumulator(CPU)
        known = state.begin("a")
        state.update(predictions.clone(), references.clone())
        return known, state.compute().value

    first = evaluate()
    (entry,) = tmp_path.glob("references/*")
    kept = reference_cache.load(entry)
    numbers = kept.pop("numbers")
    older = {"numbers": {**kept}, "sizes": {**kept, "numbers": numbers[:2]}, "statistic": {"numbers": numbers}}
    reference_cache.save(entry, older[lost])
    assert evaluate() == first == (False, first[1]) and evaluate() == (True, first[1])


def test_references_that_are_not_finite_are_not_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("DARKROOM_CACHE", str(tmp_path))
    state = FRECHET.accumulator(CPU)
    state.begin("a")
    state.update(torch.rand(3, 3, 4, 4), torch.full((3, 3, 4, 4), math.nan))
    assert math.isnan(state.compute().value) and not list(tmp_path.rglob("*.safetensors"))
