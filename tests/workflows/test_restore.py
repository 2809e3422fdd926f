import numpy as np
import pytest
import torch
from PIL import Image

from darkroom.core.errors import DarkroomError
from darkroom.core.network import RestorationNetwork
from darkroom.workflows.memory_images import apply
from darkroom.workflows.restore import load, make_restorer, restore, restore_files


class Half(RestorationNetwork):
    """Half the brightness."""

    channels, halo = 3, 0

    def forward(self, image):
        return image / 2 + 0 * image.sum()


class Double(RestorationNetwork):
    """Twice the size."""

    channels, halo, scale = 3, 0, 2

    def forward(self, image):
        return torch.nn.functional.interpolate(image, scale_factor=2)


@pytest.fixture
def half():
    return make_restorer(Half(), accelerator="cpu", precision="32")


def test_load_gives_the_network(trained):
    network = load(trained.folder.path, recipe=str(trained.recipe))
    assert not network.training
    assert network(torch.rand(1, 3, 20, 30)).shape == (1, 3, 20, 30)
    image = torch.rand(3, 24, 30)
    restored = restore(image, trained.folder.path, recipe=str(trained.recipe), accelerator="cpu", precision="32")
    with torch.no_grad():
        torch.testing.assert_close(restored, network(image[None])[0])


@pytest.mark.parametrize("shape", [(3, 8, 10), (2, 3, 8, 10), (1, 8, 10)])
@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.uint8])
def test_tensors_keep_their_kind(half, shape, kind):
    image = torch.full(shape, 200, dtype=kind) if kind == torch.uint8 else torch.full(shape, 0.8, dtype=kind)
    restored = restore(image, half)
    assert restored.dtype == kind and restored.shape == shape
    torch.testing.assert_close(restored, image // 2 if kind == torch.uint8 else image / 2)


@pytest.mark.parametrize("shape", [(8, 10), (8, 10, 1), (8, 10, 3), (8, 10, 2), (8, 10, 4)])
@pytest.mark.parametrize(("kind", "value"), [(np.uint8, 200), (np.uint16, 40_000), (np.float32, 0.8), (np.float64, 0.8)])
def test_arrays_keep_their_kind_and_their_transparency(half, shape, kind, value):
    image = np.full(shape, value, dtype=kind)
    restored = restore(image, half)
    assert restored.dtype == kind and restored.shape == shape
    expected = image.astype(np.float64) / 2
    if shape[2:] in ((2,), (4,)):
        expected[..., -1] = value
    np.testing.assert_allclose(restored, expected, atol=0.5 if image.dtype.kind == "u" else 1e-6)


@pytest.mark.parametrize(
    ("mode", "result"), [("L", "L"), ("RGB", "RGB"), ("RGBA", "RGBA"), ("LA", "LA"), ("P", "RGB"), ("1", "RGB")]
)
def test_pil_images_keep_their_mode(half, mode, result):
    image = Image.new("RGB", (10, 8), (200, 200, 200)).convert(mode)
    restored = restore(image, half)
    assert restored.mode == result and restored.size == (10, 8)
    assert restored.convert("L").getpixel((3, 3)) == pytest.approx(100, abs=28 if mode in "P1" else 1)


def test_paths_and_lists(half, photos):
    paths = sorted(photos.iterdir())
    restored = restore([str(paths[0]), paths[1]], half)
    assert [image.size for image in restored] == [(56, 48)] * 2
    before, after = np.asarray(Image.open(paths[0])), np.asarray(restored[0])
    np.testing.assert_allclose(after, before / 2, atol=0.51)


def test_upscaling_upscales_transparency_too():
    image = Image.new("RGBA", (10, 8), (200, 100, 0, 51))
    restored = restore(image, Double(), accelerator="cpu", precision="32")
    assert restored.size == (20, 16) and restored.getpixel((7, 7)) == (200, 100, 0, 51)


@pytest.mark.parametrize(
    ("image", "line"),
    [
        (np.full((8, 10, 3), 200.0), "float pixels are in .0, 1.; these are between 200 and 200"),
        (np.zeros((8, 10, 3), dtype=np.int64), "uint8, uint16 or float"),
        (np.zeros((2, 8, 10, 3), dtype=np.uint8), "an image array is"),
        (torch.zeros(8, 10), "an image tensor is"),
        (torch.zeros(5, 8, 10), "an image tensor is"),
        (Image.new("I;16", (4, 4)), "mode I;16"),
        (17, "not int"),
        ("nowhere.png", "nowhere.png"),
    ],
)
def test_what_is_no_image_is_named(half, image, line):
    with pytest.raises(DarkroomError, match=line):
        restore(image, half)


def test_planes_may_change_size():
    doubled = apply(np.zeros((4, 6, 4), np.uint8), lambda x: x.repeat(1, 2, 2), lambda x: x.repeat(1, 2, 2))
    assert doubled.shape == (8, 12, 4)


def test_deblurring_in_memory(tmp_path):
    np.save(tmp_path / "kernel.npy", np.ones((3, 3)))
    image = torch.rand(3, 24, 30)
    options = dict(kernel=str(tmp_path / "kernel.npy"), sigma=5.0, solver_steps=2, accelerator="cpu", precision="32")
    assert restore(image, Half(), **options).shape == image.shape
    with pytest.raises(DarkroomError, match="requires a denoiser"):
        restore(image, Double(), **options)


def test_files_and_folders(half, photos, tmp_path):
    (photos / "broken.png").write_bytes(b"rubbish")
    seen = []
    files = restore_files(photos, tmp_path / "out", half, finished=lambda file, total: seen.append((file.source.name, total)))
    assert [file.source.name for file in files if file.error] == ["broken.png"]
    assert len(seen) == 5 and {total for _, total in seen} == {5}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["p0.png", "p1.png", "p2.png", "p3.png"]
    with pytest.raises(DarkroomError, match="no image or folder at"):
        restore_files(tmp_path / "nothing", tmp_path / "x", half)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (dict(memory=-1), "--memory -1: must be from 1"),
        (dict(sigma=-1.0), "--sigma -1.0: must be at least 0"),
        (dict(sigma=float("nan")), "--sigma nan: must be at least 0"),
        (dict(solver_steps=0), "--solver-steps 0: must be at least 1"),
    ],
)
def test_an_option_outside_its_range_is_refused(option: dict, words: str):
    with pytest.raises(DarkroomError, match=words):
        restore(torch.rand(3, 8, 8), Half(), **option)


@pytest.mark.parametrize("image", [torch.zeros(3, 0, 8), torch.zeros(0, 3, 8, 8), np.zeros((0, 8, 3), np.uint8)])
def test_an_image_has_pixels(half, image):
    with pytest.raises(DarkroomError, match="at least one pixel"):
        restore(image, half)
