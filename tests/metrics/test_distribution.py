import hashlib
import importlib.util

import numpy as np
import pytest
import scipy.linalg
import torch

from darkroom.core.errors import DarkroomError
from darkroom.core.images import round_to_8_bits
from darkroom.core.pretrained import Pretrained
from darkroom.metrics import distribution
from darkroom.metrics.distribution import Features, fid, find_inception, frechet_distance, kernel_distance, kid

CPU = torch.device("cpu")
PIXELS = Features("the pixels", lambda: torch.nn.Flatten())


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
    state = frechet_distance(PIXELS, "frechet_pixels", "Fréchet distance of pixels").accumulator(CPU)
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


def test_fewer_images_than_features_give_a_finite_distance():
    random = torch.Generator().manual_seed(0)
    images = torch.rand(10, 3, 8, 8, generator=random)
    state = frechet_distance(PIXELS, "frechet_pixels", "Fréchet distance of pixels").accumulator(CPU)
    state.update(images, images)
    assert 0 <= state.compute().value < 1e-3


def test_kernel_distance_is_the_unbiased_discrepancy():
    ours, real = gaussian([0.4, 0.5], [[0.1, 0], [0, 0.1]], 50, 0), gaussian([0.6, 0.5], [[0.1, 0], [0, 0.1]], 50, 1)
    state = kernel_distance(PIXELS, "kernel_pixels", "KID of pixels", 50).accumulator(CPU)
    state.update(ours, real)
    x, y = (round_to_8_bits(images).flatten(1).double() for images in (ours, real))
    kxx, kyy, kxy = ((a @ b.T / 2 + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    n = len(x)
    expected = sum(float(k.sum() - k.trace()) / (n * (n - 1)) for k in (kxx, kyy)) - 2 * float(kxy.mean())
    assert state.compute().value == pytest.approx(expected, rel=1e-6)


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


def test_too_few_images_are_counted_in_the_message():
    state = kernel_distance(PIXELS, "kernel_pixels", "KID of pixels", 20).accumulator(CPU)
    state.update(torch.rand(30, 1, 1, 2), torch.rand(7, 1, 1, 2))
    with pytest.raises(DarkroomError, match="KID of pixels needs at least 20 images of either set; 30 were generated, and 7"):
        state.compute()


def test_making_fid_looks_nothing_up_and_says_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for metric in (fid(), kid()):
        assert metric.missing() == "the package torch-fidelity is not installed: pip install torch-fidelity"
        assert metric.describe().quality == "perception" and not metric.describe().higher_is_better
    with pytest.raises(DarkroomError, match="pip install torch-fidelity"):
        find_inception()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert "Inception v3 of FID (91 MB) is not at" in fid().missing()
    assert not list(tmp_path.iterdir())


def test_a_damaged_weights_file_is_refused_before_it_is_unpickled(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(distribution, "find_inception", lambda: None)
    content = b"not the weights"
    place = tmp_path / "hub" / "checkpoints"
    place.mkdir(parents=True)
    for digest, words in (("00000000", "is damaged, or not Inception"), (hashlib.sha256(content).hexdigest()[:8], None)):
        monkeypatch.setattr(distribution, "INCEPTION", Pretrained("Inception", f"http://127.0.0.1:9/w-{digest}.pth", 1))
        (place / f"w-{digest}.pth").write_bytes(content)
        if words:
            with pytest.raises(DarkroomError, match=words):
                fid().accumulator(CPU)
        elif not importlib.util.find_spec("torch_fidelity"):
            with pytest.raises(ModuleNotFoundError, match="orch-fidelity"):
                fid().accumulator(CPU)
