"""Random views against torchvision, scikit-image, scipy, and their own rule: everything from (seed, step, index)."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d
from skimage.color import rgb2yiq, yiq2rgb
from torchvision.transforms.v2 import functional as theirs

from darkroom.core.dataset import Dataset
from darkroom.core.images import to_float
from darkroom.core.method import Example
from darkroom.data.digits import Digits
from darkroom.data.embedded import embedded
from darkroom.data.streams import batches
from darkroom.data.view_streams import LabelledViews, ViewPairs
from darkroom.data.views import DRAWS, View, blurred, box, recoloured, resized


@pytest.fixture
def photograph() -> torch.Tensor:
    """RGB in 0–255 with nothing near the ends, where clipping begins."""
    return 90 + 50 * to_float(resized(embedded("heldout")[0], 64))


@pytest.mark.parametrize(
    ("change", "adjust"),
    [
        ((1.2, 1.0, 1.0, 0.0), lambda x: theirs.adjust_brightness(x, 1.2)),
        ((1.0, 0.7, 1.0, 0.0), lambda x: theirs.adjust_contrast(x, 0.7)),
        ((1.0, 1.0, 1.4, 0.0), lambda x: theirs.adjust_saturation(x, 1.4)),
        (
            (0.8, 1.3, 0.6, 0.0),
            lambda x: theirs.adjust_contrast(theirs.adjust_saturation(theirs.adjust_brightness(x, 0.8), 0.6), 1.3),
        ),
    ],
)
def test_brightness_contrast_and_saturation_are_torchvisions_in_any_order(photograph, change, adjust):
    expected = 255 * adjust(photograph / 255)
    torch.testing.assert_close(recoloured(photograph, *change), expected, atol=0.06, rtol=1e-3)  # its luma has rounded weights


def test_the_hue_turns_chroma_in_yiq(photograph):
    yiq = rgb2yiq(photograph.double().permute(1, 2, 0).numpy() / 255)
    turned = torch.from_numpy(yiq).clone()
    angle = 2 * math.pi * 0.08
    turned[..., 1] = math.cos(angle) * torch.from_numpy(yiq[..., 1]) - math.sin(angle) * torch.from_numpy(yiq[..., 2])
    turned[..., 2] = math.sin(angle) * torch.from_numpy(yiq[..., 1]) + math.cos(angle) * torch.from_numpy(yiq[..., 2])
    expected = torch.from_numpy(255 * yiq2rgb(turned.numpy())).permute(2, 0, 1).float()
    torch.testing.assert_close(recoloured(photograph, 1.0, 1.0, 1.0, 0.08), expected, atol=0.1, rtol=1e-3)


def test_grey_is_luma_and_no_change_is_the_identity(photograph):
    grey = recoloured(photograph, 1.0, 1.0, 1.3, 0.1, grey=True)
    torch.testing.assert_close(grey, theirs.rgb_to_grayscale(photograph, 3), atol=0.05, rtol=1e-3)
    torch.testing.assert_close(recoloured(photograph, 1.0, 1.0, 1.0, 0.0), photograph)


def test_the_blur_is_scipys_away_from_the_border_and_keeps_constants(photograph):
    expected = gaussian_filter1d(gaussian_filter1d(photograph.numpy(), 1.4, axis=1, truncate=8), 1.4, axis=2, truncate=8)
    found = blurred(photograph, 1.4)
    torch.testing.assert_close(found[:, 12:-12, 12:-12], torch.from_numpy(expected)[:, 12:-12, 12:-12], atol=0.02, rtol=1e-4)
    torch.testing.assert_close(blurred(torch.full((3, 20, 20), 7.0), 1.1), torch.full((3, 20, 20), 7.0))


def test_resizing_is_pillows():
    from PIL import Image

    image = embedded("heldout")[1][:, 10:200, 30:300].contiguous()
    pillow = Image.fromarray(image.permute(1, 2, 0).numpy()).resize((48, 48), Image.Resampling.BICUBIC)
    difference = (
        resized(image, 48).int()
        - torch.frombuffer(bytearray(pillow.tobytes()), dtype=torch.uint8).view(48, 48, 3).permute(2, 0, 1).int()
    )
    assert difference.abs().max() <= 1


@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.floats(0.01, 1),
    st.lists(st.floats(0, 1, exclude_max=True), min_size=22, max_size=22),
)
def test_a_crop_lies_within_the_image(height: int, width: int, smallest: float, draws: list[float]):
    top, left, h, w = box(height, width, smallest, draws)
    assert top >= 0 and top + h <= height and h >= 1
    assert left >= 0 and left + w <= width and w >= 1


def test_crops_have_torchvisions_areas_and_ratios():
    from torchvision.transforms import RandomResizedCrop

    image, random = torch.zeros(3, 90, 120), torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    mine = [box(90, 120, 0.2, draws) for draws in torch.rand(2000, 22, generator=random).tolist()]
    others = [RandomResizedCrop.get_params(image, (0.2, 1.0), (3 / 4, 4 / 3)) for _ in range(2000)]
    for read in (lambda b: b[2] * b[3] / 10800, lambda b: b[3] / b[2], lambda b: b[0] + b[2] / 2, lambda b: b[1] + b[3] / 2):
        a, b = (torch.tensor([float(read(crop)) for crop in crops]) for crops in (mine, others))
        assert abs(a.mean() - b.mean()) < 5 * (a.var() / 2000 + b.var() / 2000).sqrt()


def test_solarisation_inverts_what_is_bright():
    image = torch.arange(256, dtype=torch.uint8).view(1, 16, 16).expand(3, -1, -1)
    view = View(smallest=1.0, flip=0.0, jitter=0.0, grey=0.0, solarise=1.0)(image, 16, [0.5] * DRAWS)
    expected = torch.where(image < 128, image, 255 - image)
    assert torch.equal(view, expected)


def stream(**changes) -> ViewPairs:
    given = dict(image_size=16, batch_size=4, seed=0) | changes
    return ViewPairs(embedded("train"), View(blur=1.0), View(blur=0.1, solarise=0.2), **given)


def test_views_are_functions_of_seed_step_and_index_and_differ_between_images_of_a_batch():
    class Repeated(Dataset):
        name, names = "one", ["a"] * 8

        def __len__(self):
            return 8

        def example(self, index):
            return Example(embedded("heldout")[0], torch.tensor(0))

    pairs = ViewPairs(Repeated(), View(), View(), image_size=16, batch_size=8, seed=0)
    samples = [pairs.sample(0, index) for index in range(8)]
    views = [view for sample in samples for view in sample[:2]]
    assert len({view.numpy().tobytes() for view in views}) == 16  # nothing is shared by the batch
    again = stream().sample(3, 1)
    assert torch.equal(again.input, stream().sample(3, 1).input)
    assert not torch.equal(again.input, stream(seed=1).sample(3, 1).input)


def test_every_image_comes_once_in_an_epoch():
    data = LabelledViews(Digits("train"), View(), image_size=16, batch_size=32, seed=0)
    numbers = [data.number(step, index) for step in range(50) for index in range(32)]
    assert sorted(numbers[: len(data.dataset)]) == list(range(len(data.dataset)))
    assert numbers[:100] != numbers[len(data.dataset) : len(data.dataset) + 100]
    assert torch.equal(data.sample(2, 3).target, Digits("train").example(data.number(2, 3)).target)


def test_workers_and_processes_change_nothing():
    whole = next(batches(stream(), 2, 3))
    parts = [next(batches(stream(), 2, 3, workers=1, rank=rank, world_size=2)) for rank in range(2)]
    assert torch.equal(whole.input, torch.cat([part.input for part in parts]))
    assert stream().on_device(whole).input.max() <= 1 and whole.input.dtype == torch.uint8


def test_what_a_run_records_names_the_views():
    record = stream().describe()
    assert "blur=1.0" in record.degradation and "two views of 16 pixels" in record.sample and record.samples_per_step == 4
