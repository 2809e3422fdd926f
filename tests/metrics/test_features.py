import hashlib
import importlib.util
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_uint8
from darkroom.core.metric import ComparedSets
from darkroom.core.pretrained import Pretrained
from darkroom.metrics import features
from darkroom.metrics.distribution import fid, frechet_distance, kernel_distance, kid, random_frechet_distance
from darkroom.metrics.features import RandomConvolutions, find_inception, inception_features, random_features, state_digest

CPU = torch.device("cpu")


def test_fid_of_a_given_file_is_torchmetrics_network_and_the_closed_form(inception: Path):
    """Against torchmetrics' own state on the same file, and the low-rank formula of the distance on its features."""
    from torchmetrics.image.fid import NoTrainInceptionV3

    random = torch.Generator().manual_seed(0)
    ours, real = torch.rand(2, 3, 32, 48, generator=random), torch.rand(2, 1, 40, 30, generator=random) ** 2
    assert f"{inception} is not Inception v3 of FID: its SHA-256 is" in fid(inception).missing()
    others = inception_features(inception, published=False)
    metric = frechet_distance(others, "frechet_other", "Fréchet (other Inception)")
    assert not metric.missing()
    digest = hashlib.sha256(inception.read_bytes()).hexdigest()
    assert f"weights {digest[:8]}" in metric.describe(ComparedSets(2, 2)).protocol
    state = metric.accumulator(CPU)
    state.update(ours, real)
    network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(inception), antialias=False)
    x, y = (network(to_uint8(z).expand(-1, 3, -1, -1)).double().numpy() for z in (ours, real))
    centred = [(z - z.mean(0)) / np.sqrt(len(z) - 1) for z in (x, y)]
    spread = sum((z**2).sum() for z in centred) - 2 * np.linalg.svd(centred[0] @ centred[1].T, compute_uv=False).sum()
    assert state.compute().value == pytest.approx(((x.mean(0) - y.mean(0)) ** 2).sum() + spread, rel=1e-6)
    shared = kernel_distance(others, "kid_other", "KID (other)").accumulator(CPU)
    assert shared.extractor is state.extractor


def test_the_file_in_the_cache_has_to_have_the_digest(inception: Path, monkeypatch, tmp_path: Path):
    """The public path without a given file: cache, digest, loading."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    digest = hashlib.sha256(inception.read_bytes()).hexdigest()
    url = f"http://127.0.0.1:9/w-{digest[:8]}.pth"
    place = tmp_path / "hub" / "checkpoints" / f"w-{digest[:8]}.pth"
    monkeypatch.setattr(features, "INCEPTION", Pretrained("Inception", url, 1, digest))
    assert "Inception (1 MB) is not at" in fid().missing()
    place.parent.mkdir(parents=True)
    place.write_bytes(b"damaged")
    assert "is not Inception: its SHA-256 is" in fid().missing()
    monkeypatch.setattr(features.torch_files, "load", lambda path: pytest.fail("loaded before its digest was checked"))
    for load in (lambda: fid().accumulator(CPU), inception_features().network, find_inception):
        with pytest.raises(DarkroomError, match="is not Inception: its SHA-256 is"):
            load()
    monkeypatch.undo()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(features, "INCEPTION", Pretrained("Inception", url, 1, digest))
    place.unlink()
    place.symlink_to(inception)
    assert not fid().missing() and not fid(inception).missing()
    find_inception(inception)
    assert inception_features().network()(torch.rand(1, 1, 20, 20)).shape == (1, 2048)


def test_code_in_a_given_file_is_not_executed(inception: Path, tmp_path: Path):
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"x": Evil()}))
    with pytest.raises(DarkroomError, match="evil.pth"):
        inception_features(tmp_path / "evil.pth", published=False).network()
    assert not (tmp_path / "executed").exists()
    torch.save({"x": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(DarkroomError, match=r"other.pth does not hold the weights of Inception v3 of FID: .*Missing key"):
        inception_features(tmp_path / "other.pth", published=False).network()


def test_making_fid_looks_nothing_up_and_says_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for metric in (fid(), kid()):
        assert "torch-fidelity is not installed: run `pip install '.[fid]'`" in metric.missing()
        assert metric.describe().quality == "perception" and not metric.describe().higher_is_better
    with pytest.raises(DarkroomError, match="torch-fidelity is not installed"):
        find_inception()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert "Inception v3 of FID (91 MB) is not at" in fid().missing()
    assert "no weights of Inception v3 of FID at" in fid(tmp_path / "none.pth").missing()
    assert not list(tmp_path.iterdir())


def test_random_features_are_always_the_same_and_tell_textures_apart():
    assert state_digest(RandomConvolutions().state_dict()) == state_digest(RandomConvolutions().state_dict())
    assert random_features() == random_features() and not random_frechet_distance().missing()
    random = torch.Generator().manual_seed(0)
    real, other = torch.rand(2, 64, 3, 24, 24, generator=random)
    smooth = torch.nn.functional.avg_pool2d(other, 3, 1, 1)
    distances = []
    for images in (other, (other + smooth) / 2, smooth, torch.zeros_like(other)):
        state = random_frechet_distance().accumulator(CPU)
        state.update(images, real)
        distances.append(state.compute().value)
    assert distances == sorted(distances) and distances[0] < distances[1] / 2


@pytest.mark.parametrize("shape", [(2, 1, 1, 1), (2, 3, 5, 8), (1, 1, 8, 8), (2, 3, 33, 17)])
def test_random_features_take_images_of_any_size(shape: tuple[int, ...]):
    found = RandomConvolutions()(torch.rand(shape))
    assert found.shape == (shape[0], 2 * (16 + 32 + 64)) and found.isfinite().all()


def test_a_batch_goes_through_the_network_once_for_all_metrics():
    class Counting(torch.nn.Flatten):
        calls = 0

        def forward(self, images):
            Counting.calls += 1
            return super().forward(images)

    extractor = features.Extractor(Counting(), CPU)
    one, two = torch.rand(2, 4, 3, 2, 2)
    with torch.inference_mode():
        for images in (one, two, one, two, two):
            assert torch.equal(extractor(images), (images * 255).round().div(255).double().flatten(1))
        assert Counting.calls == 2 and torch.equal(extractor(one.clone()), extractor(one)) and Counting.calls == 2
        one[0] = 0.5  # a generator may write its samples into the same memory again
        assert torch.equal(extractor(one)[0], torch.full((12,), 128 / 255).double()) and Counting.calls == 3


def test_digests_are_of_names_types_shapes_and_values():
    states = [
        {"a": torch.zeros(2)},
        {"b": torch.zeros(2)},
        {"a": torch.zeros(2, 1)},
        {"a": torch.zeros(2).int()},
        {"a": torch.ones(2)},
    ]
    states += [{"a": torch.zeros(2, dtype=torch.bfloat16)}, {"a": torch.zeros(())}]
    assert len({state_digest(state) for state in states}) == len(states) and state_digest({}) == ""
