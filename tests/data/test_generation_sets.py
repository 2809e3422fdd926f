import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.data.celeba import celeba, celeba_small
from darkroom.data.cifar10 import CLASSES, Cifar10
from darkroom.data.embedded import embedded
from darkroom.data.generation_sets import SHAPES, generation_images, shape_of
from darkroom.data.image_patches import ImagePatches
from darkroom.data.square_images import Square

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 3072), dtype=np.uint8)
LABELS = [3, 0, 9, 1, 1, 5, 2]


@pytest.fixture
def root(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("DARKROOM_DATA", str(tmp_path))
    return tmp_path


def write_pickled(folder: Path, protocol: int = 2) -> None:
    """As the authors' files: a dictionary of byte strings, a list of labels, and an array."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        b"batch_label": b"a batch",
        b"labels": LABELS,
        b"data": IMAGES,
        b"filenames": [b"x_%d.png" % n for n in range(7)],
    }
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        (folder / name).write_bytes(pickle.dumps(content, protocol))


def write_python_2(folder: Path) -> None:
    """The instructions that Python 2 wrote, with old strings (BINSTRING), in another order."""

    def string(text: bytes) -> bytes:
        return b"U" + bytes([len(text)]) + text if len(text) < 256 else b"T" + len(text).to_bytes(4, "little") + text

    labels = b"(" + b"".join(b"K" + bytes([label]) for label in LABELS) + b"e"
    array = b"cnumpy.core.multiarray\n_reconstruct\n" + b"(K\x01(K\x07M\x00\x0ct" + b"cnumpy\ndtype\n" + string(b"u1") + b"t"
    content = b"\x80\x02}(" + string(b"data") + array + string(IMAGES.tobytes()) + b"b"
    content += string(b"labels") + b"]" + labels + string(b"filenames") + b"]" + b"(" + string(b"a.png") + b"e" + b"u."
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "test_batch").write_bytes(content)


def write_binary(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = np.concatenate([np.array(LABELS, np.uint8)[:, None], IMAGES], 1)
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        rows.tofile(folder / f"{name}.bin")


def test_cifar10_is_read_from_every_version(root: Path):
    for number, write in enumerate((write_binary, write_pickled, lambda folder: write_pickled(folder, 4), write_python_2)):
        folder = root / f"version{number}"
        write(folder)
        data = Cifar10("test", folder=folder)
        data.open()
        assert len(data) == 7 and data.labels == LABELS
        assert torch.equal(data.example(2).target, torch.from_numpy(IMAGES[2]).view(3, 32, 32))
        labelled = Cifar10("test", labels=True, folder=folder)
        assert [int(labelled.example(index).target) for index in range(7)] == LABELS
    write_pickled(root / "cifar-10-batches-py")
    train = Cifar10("train")
    assert len(train) == 35 == len(train.names) == len(set(train.names)) and train.classes == CLASSES
    assert len(train.digests()) == 35 and train.describe().count == 35


class Malicious:
    def __reduce__(self):
        return (Path("/tmp/darkroom_was_executed").touch, ())


def test_nothing_in_a_batch_is_executed(root: Path):
    folder = root / "cifar-10-batches-py"
    write_pickled(folder)
    (folder / "test_batch").write_bytes(pickle.dumps({b"data": IMAGES, b"labels": LABELS, b"x": Malicious()}, 2))
    assert len(Cifar10("test")) == 7
    assert not Path("/tmp/darkroom_was_executed").exists()


def test_faults_of_cifar10_are_one_line(root: Path):
    with pytest.raises(
        DarkroomError, match=r"CIFAR-10 is not at .*cifar-10-batches-bin: get it with `darkroom data get cifar10`"
    ):
        Cifar10("test").open()
    folder = root / "cifar-10-batches-bin"
    write_binary(folder)
    (folder / "test_batch.bin").write_bytes(b"\x00" * 5000)
    with pytest.raises(DarkroomError, match="is cut off: its size is no multiple of 3073"):
        Cifar10("test").open()
    (folder / "data_batch_3.bin").unlink()
    with pytest.raises(DarkroomError, match="has no batch data_batch_3"):
        Cifar10("train").open()
    pickled = root / "pickled"
    pickled.mkdir()
    for content, words in [
        (b"", "cannot be read as a batch"),
        (b"garbage", "cannot be read as a batch"),
        (pickle.dumps({b"data": IMAGES, b"labels": LABELS}, 2)[:-40], "cannot be read as a batch"),
        (pickle.dumps({b"data": IMAGES, b"labels": [99] * 7}, 2), "labels are not from 0 to 9"),
        (pickle.dumps({b"data": IMAGES, b"labels": [1]}, 2), "7 images and 1 labels"),
        (pickle.dumps({b"labels": LABELS}, 2), "0 images and 7 labels"),
    ]:
        (pickled / "test_batch").write_bytes(content)
        with pytest.raises(DarkroomError, match=words):
            Cifar10("test", folder=pickled).open()


def save(path: Path, width: int, height: int, level: int = 100) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    ramp = np.broadcast_to(np.linspace(0, 255, width).astype(np.uint8)[None, :, None], (height, width, 3)).copy()
    ramp[..., 2] = level
    Image.fromarray(ramp).save(path)


def test_squares_are_cropped_in_the_middle_and_resized(tmp_path: Path):
    save(tmp_path / "wide.png", 40, 20)
    image = Square(10)(tmp_path / "wide.png")
    assert image.shape == (3, 10, 10) and image.dtype == torch.uint8
    expected = Image.open(tmp_path / "wide.png").crop((10, 0, 30, 20)).resize((10, 10), Image.Resampling.BILINEAR)
    assert int((image.permute(1, 2, 0).int() - torch.from_numpy(np.array(expected)).int()).abs().max()) <= 1
    assert Square(20).of(torch.arange(1200, dtype=torch.int32).reshape(1, 20, 60).to(torch.uint8)).shape == (1, 20, 20)
    assert Square(8, crop=0.5).of(torch.zeros(3, 30, 20, dtype=torch.uint8)).shape == (3, 8, 8)
    assert Square(8, grey=True)(tmp_path / "wide.png").shape == (1, 8, 8)
    with pytest.raises(DarkroomError, match="images of 0x0"):
        Square(0)


def test_celeba_is_divided_by_its_own_table(root: Path):
    for number in range(6):
        save(root / "celeba" / "img_align_celeba" / f"{number:06d}.jpg", 178, 218, 40 * number)
    with pytest.raises(DarkroomError, match=r"CelebA is not at .*list_eval_partition.txt"):
        celeba("train").open()
    table = root / "celeba" / "list_eval_partition.txt"
    table.write_text("".join(f"{number:06d}.jpg {part}\n" for number, part in enumerate((0, 0, 1, 2, 0, 2))))
    assert (celeba("train").names, celeba("test").names) == (["000000", "000001", "000004"], ["000003", "000005"])
    face = celeba("train")[1]
    assert face.shape == (3, 64, 64)
    left, right = (float(to_float(face)[0, :, column].mean()) for column in (0, 63))
    assert left == pytest.approx(19.5 / 177, abs=0.02) and right == pytest.approx(1 - 19.5 / 177, abs=0.02)
    table.write_text("other.jpg 0\n")
    with pytest.raises(DarkroomError, match="names no image of"):
        celeba("train").open()


def test_patches_are_a_grid(photos: Path):
    images = embedded("heldout")
    patches = ImagePatches("patches", images, size=16, stride=200, reduction=2)
    patches.open()
    assert patches.names[:2] == ["astronaut/0000_0000", "astronaut/0000_0200"] and len(patches.digests()) == len(patches)
    reduced = to_float(images[0])[:, :32, 400:432].unflatten(1, (16, 2)).unflatten(3, (16, 2)).mean((2, 4))
    assert float((to_float(patches.example(1).target) - reduced).abs().mean()) < 0.05
    with pytest.raises(DarkroomError, match="no image of embedded-heldout is as large as a patch of 999x999"):
        ImagePatches("patches", images, size=999, stride=1).open()
    with pytest.raises(DarkroomError, match="at least 1, given 16, 0 and 1"):
        ImagePatches("patches", images, size=16, stride=0)


def test_sets_by_name(photos: Path, root: Path):
    for name in ("digits", "patches"):
        for split in ("train", "test"):
            found = generation_images(name, split)
            assert tuple(found.example(0).target.shape) == shape_of(name) and found.example(0).target.dtype == torch.uint8
            assert found.example(0).input is found.example(0).target or torch.equal(*found.example(0)[:2])
    folder = generation_images(str(photos), "train", size=12)
    folder.open()
    assert len(folder) == 4 and tuple(folder.example(0).target.shape) == shape_of(str(photos), 12) == (3, 12, 12)
    with pytest.raises(DarkroomError, match=r"'nowhere' is neither a folder, a zip file nor a known set \(digits, patches, "):
        generation_images("nowhere", "train").open()
    assert {shape[1] for shape in SHAPES.values()} == {8, 16, 32, 64}


def test_real_sets(real_data: Path):
    for name, train, test in (("cifar10_jpeg", 25_000, 5_000), ("celeba_small", 5_000, 1_000)):
        if not (real_data / name).is_dir():
            pytest.skip(f"{name} is not below {real_data}")
        for split, count in (("train", train), ("test", test)):
            found = generation_images(name, split)
            assert len(found) == count and tuple(found.example(count // 2).target.shape) == shape_of(name)
    assert not set(celeba_small("train").names) & set(celeba_small("test").names)
