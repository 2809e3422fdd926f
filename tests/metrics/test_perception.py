from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from scipy.stats import wasserstein_distance
from torchmetrics.functional.image import learned_perceptual_image_patch_similarity

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.core.pretrained import ALEXNET, VGG16, Pretrained
from darkroom.data.embedded import embedded
from darkroom.metrics import perception
from darkroom.metrics.perception import find_lpips, gradient_distance, lpips


@pytest.fixture
def photos() -> torch.Tensor:
    return torch.stack([to_float(image[:, :96, :96]) for image in embedded("heldout")])


def test_the_distance_of_gradients_is_scipys_wasserstein(photos):
    blurred = torch.nn.functional.avg_pool2d(photos, 3, 1, 1)
    ours = gradient_distance(blurred, photos)
    for mine, a, b in zip(ours, blurred, photos, strict=True):
        grey = [(x * 255).round().mean(0).double().numpy() / 255 for x in (a, b)]
        samples = [np.concatenate([np.diff(g, axis=1).ravel(), np.diff(g, axis=0).ravel()]) for g in grey]
        assert mine.item() == pytest.approx(wasserstein_distance(*samples), rel=1e-3)


def test_blurring_moves_gradients_and_shifting_does_not(photos):
    blurred = torch.nn.functional.avg_pool2d(photos, 5, 1, 2)
    assert gradient_distance(photos, photos).max() == 0
    assert (gradient_distance(blurred, photos) > 2 * gradient_distance(photos.roll(3, -1), photos)).all()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch) -> Path:
    """An empty cache for PyTorch."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    perception._network.cache_clear()
    yield tmp_path / "hub" / "checkpoints"
    perception._network.cache_clear()


def test_lpips_without_features_says_where_to_put_them(cache, monkeypatch):
    unreachable = Pretrained("AlexNet", "http://127.0.0.1:9/alexnet-owt-7be5be79.pth", 233)
    monkeypatch.setitem(perception._BACKBONES, "alex", unreachable)
    with pytest.raises(
        DarkroomError, match=r"AlexNet \(233 MB\) is not at .* and could not be downloaded .* put the file there"
    ):
        find_lpips("alex")
    assert not list(cache.iterdir())
    assert "is not at" in lpips("vgg").missing()
    cache.joinpath(VGG16.path().name).touch()
    assert "is not VGG-16: its SHA-256 is" in lpips("vgg").missing()
    monkeypatch.setattr(Pretrained, "fault", lambda self, path: "")
    assert not lpips("vgg").missing()


def test_lpips_is_torchmetrics(cache, photos, monkeypatch):
    monkeypatch.setattr(Pretrained, "fault", lambda self, path: "")
    torch.manual_seed(0)
    state = torchvision.models.alexnet().state_dict()
    light = {k: v if k.startswith("features") else torch.zeros(()).expand(v.shape) for k, v in state.items()}
    cache.mkdir(parents=True)
    torch.save(light, cache / ALEXNET.path().name)
    noisy = (photos + 0.1 * torch.randn(photos.shape)).clamp(0, 1)
    ours = lpips("alex")(noisy, photos)
    assert ours.shape == (3,) and (ours > 0).all()
    rounded = (noisy * 255).round() / 255
    expected = learned_perceptual_image_patch_similarity(rounded, photos, "alex", normalize=True)
    assert ours.mean().item() == pytest.approx(expected.item(), rel=1e-4)
    assert lpips("alex")(photos, photos).abs().max() == 0
