from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.transforms import functional as torchvision

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.data.embedded import embedded
from darkroom.data.super_resolution import ColorJitter, SRDataset
from darkroom.operators.resample import DownscaledPair, downscale


def saved(folder: Path, name: str, *shape: int) -> Path:
    folder.mkdir(exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)).save(folder / name)
    return folder


def test_a_plain_loader_gives_pairs(photos: Path):
    data = SRDataset(photos, patch_size=32)
    assert len(data) == 4
    for workers in (0, 2):
        loader = DataLoader(data, batch_size=2, shuffle=True, num_workers=workers)
        seen = list(loader)
        assert len(seen) == 2
        for low, high in seen:
            assert low.shape == (2, 3, 16, 16) and high.shape == (2, 3, 32, 32)
            assert low.dtype == high.dtype == torch.float32
            assert high.min() >= 0 and high.max() <= 1 and low.min() >= 0 and low.max() <= 1
            torch.testing.assert_close(low, downscale(high, 2, "bilinear"), atol=1e-6, rtol=0)


def test_patches_are_drawn_anew_and_a_seed_repeats_them(photos: Path):
    data = SRDataset(photos, patch_size=16)
    torch.manual_seed(0)
    first, second = data[0], data[0]
    assert not torch.equal(first[1], second[1])
    torch.manual_seed(0)
    assert torch.equal(data[0][1], first[1])


def test_without_a_patch_size_it_gives_whole_images(tmp_path: Path):
    folder = saved(tmp_path / "p", "odd.png", 21, 34, 3)
    low, high = SRDataset(folder, patch_size=None, scale=4)[0]
    assert low.shape == (3, 5, 8) and high.shape == (3, 20, 32)
    with Image.open(folder / "odd.png") as image:
        expected = torch.from_numpy(np.array(image)).permute(2, 0, 1)[:, :20, :32]
    assert torch.equal(high, to_float(expected))


def test_the_stream_gives_the_same_kind_of_pairs(photos: Path):
    data = SRDataset(photos, patch_size=16, jitter=0.0)
    stream = data.stream(3, seed=0)
    example = stream.sample(5, 1)
    assert torch.equal(example.target, stream.sample(5, 1).target)
    assert example.input.shape == (3, 8, 8)
    torch.testing.assert_close(example.input, downscale(example.target[None], 2, "bilinear")[0])
    with pytest.raises(DarkroomError, match="give SRDataset a patch_size"):
        SRDataset(photos, patch_size=None).stream(3, seed=0)


def test_jitter_is_torchvisions():
    clean = to_float(embedded("heldout")[0][:, 100:140, 100:140])
    example = ColorJitter(0.2, DownscaledPair(2, "bilinear", quantised=False))(clean, torch.Generator().manual_seed(3))
    draws = (torch.rand(4, generator=torch.Generator().manual_seed(3), dtype=torch.float64) * 2 - 1) * 0.2
    expected = torchvision.adjust_brightness(clean, 1 + draws[0].item())
    expected = torchvision.adjust_contrast(expected, 1 + draws[1].item())
    expected = torchvision.adjust_saturation(expected, 1 + draws[2].item())
    expected = torchvision.adjust_hue(expected, draws[3].item())
    torch.testing.assert_close(example.target, expected, atol=2e-3, rtol=0)
    assert not torch.equal(example.target, clean)


@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 100))
def test_images_smaller_than_the_patch_are_extended(tmp_path_factory, height: int, width: int, seed: int):
    folder = saved(tmp_path_factory.mktemp("small"), "p.png", height, width, 3)
    torch.manual_seed(seed)
    low, high = SRDataset(folder, patch_size=24, jitter=0.0)[0]
    assert low.shape == (3, 12, 12) and high.shape == (3, 24, 24)
    assert set(high.flatten().mul(255).round().int().tolist()) <= set(np.asarray(Image.open(folder / "p.png")).ravel().tolist())


def test_grey_and_colour_may_be_mixed(photos: Path):
    saved(photos, "grey.png", 40, 40)
    data = SRDataset(photos, patch_size=16, jitter=0.0)
    shapes = {data[index][1].shape for index in range(len(data))}
    assert shapes == {(3, 16, 16)}
    grey = data[list(data.images.names).index("grey")][1]
    assert torch.equal(grey[0], grey[1]) and torch.equal(grey[1], grey[2])


def test_errors_name_the_file_and_the_reason(photos: Path, tmp_path: Path):
    with pytest.raises(DarkroomError, match="neither a folder, a zip file nor a known set"):
        SRDataset(tmp_path / "nothing")
    with pytest.raises(DarkroomError, match="a patch of 63 cannot be downscaled by 2"):
        SRDataset(photos, patch_size=63)
    with pytest.raises(DarkroomError, match="colour jitter goes from 0 to 0.5, given 0.7"):
        SRDataset(photos, jitter=0.7)
    dot = saved(tmp_path / "dot", "dot.png", 1, 1, 3)
    with pytest.raises(DarkroomError, match=r"dot\.png: an image of 1x1 pixels is too small to be downscaled by 2"):
        SRDataset(dot, patch_size=None)[0]
    assert SRDataset(dot, patch_size=8)[0][1].shape == (3, 8, 8)
    (photos / "broken.png").write_bytes(b"broken")
    with pytest.raises(DarkroomError, match=r"broken\.png cannot be read"):
        SRDataset(photos)
    listed = SRDataset(photos, in_memory=False)
    with pytest.raises(DarkroomError, match=r"broken\.png cannot be read"):
        listed[listed.images.names.index("broken")]


def test_bsd100_is_val_and_the_rest_is_for_training(real_data: Path):
    from darkroom.data.named_sets import evaluation_images, training_images

    evaluated, training = evaluation_images("bsd100"), training_images("bsds400")
    assert (len(evaluated), len(training)) == (100, 400)
    assert not set(evaluated.names) & set(training.names)
    assert set(evaluation_images("bsd68").names) <= set(evaluated.names)
