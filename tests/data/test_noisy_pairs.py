import resource
import zipfile
from pathlib import Path

import pytest
import torch

from darkroom.core.errors import DarkroomError
from darkroom.data.named_sets import named
from darkroom.data.noisy_pairs import noisy_pairs, read, write
from darkroom.operators.noise import Gaussian


def test_copies_show_one_image_with_independent_noise(photos: Path, tmp_path: Path):
    images = named(str(photos))
    a, b = noisy_pairs(images, Gaussian(10.0), count=200, size=16)
    _, clean = noisy_pairs(images, Gaussian(10.0), count=200, size=16, targets="clean")
    inner = (clean > 40) & (clean < 215)  # where nothing was clipped
    first, second = ((x.float() - clean.float())[inner] for x in (a, b))
    for noise in (first, second):
        assert noise.mean().item() == pytest.approx(0, abs=0.2)
        assert noise.std().item() == pytest.approx(10, rel=0.02)
    assert torch.corrcoef(torch.stack([first, second]))[0, 1].item() == pytest.approx(0, abs=0.02)
    assert torch.equal(noisy_pairs(images, Gaussian(10.0), count=3, size=16)[0], a[:3])
    write(tmp_path / "pairs.pkl", (a, b))
    assert all(torch.equal(x, y) for x, y in zip(read(tmp_path / "pairs.pkl"), (a, b), strict=True))
    assert all(x.dtype == torch.uint8 for x in torch.load(tmp_path / "pairs.pkl", weights_only=True))


def test_an_image_smaller_than_the_size_is_extended(photos: Path):
    assert noisy_pairs(named(str(photos)), Gaussian(0.0), count=2, size=64)[0].shape == (2, 3, 64, 64)


def test_a_file_of_anything_else_is_one_line(tmp_path: Path, photos: Path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    small = torch.zeros(2, 3, 4, 4, dtype=torch.uint8)
    for content, words in [
        (Bomb(), "cannot be read as two tensors"),
        (small, "holds torch.uint8 .2, 3, 4, 4.; expected two"),
        ((small, small[:1]), "of equal shapes"),
        ((small, small.float()), "torch.float32"),
        ((small, "words"), "str"),
    ]:
        torch.save(content, tmp_path / "x.pkl")
        with pytest.raises(DarkroomError, match=words):
            read(tmp_path / "x.pkl")
    assert not (tmp_path / "executed").exists()
    (tmp_path / "y.pkl").write_bytes(b"broken")
    for path, words in [("y.pkl", "cannot be read"), ("none.pkl", "no pairs at")]:
        with pytest.raises(DarkroomError, match=words):
            read(tmp_path / path)
    with pytest.raises(DarkroomError, match="--count 0"):
        noisy_pairs(named(str(photos)), Gaussian(1.0), count=0, size=4)


def test_a_bomb_is_one_line(tmp_path: Path):
    small = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
    torch.save((small.expand(10**6, 3, 4, 4),) * 2, tmp_path / "expanded.pkl")
    with pytest.raises(DarkroomError, match=r"holds torch.uint8 \(1000000, 3, 4, 4\).*more than its \d+ bytes"):
        read(tmp_path / "expanded.pkl")
    torch.save((torch.zeros(50_000, 3, 4, 4, dtype=torch.uint8),) * 2, tmp_path / "x.pkl")
    with (
        zipfile.ZipFile(tmp_path / "x.pkl") as plain,
        zipfile.ZipFile(tmp_path / "deflated.pkl", "w", zipfile.ZIP_DEFLATED) as deflated,
    ):
        for name in plain.namelist():
            deflated.writestr(name, plain.read(name))
    with pytest.raises(DarkroomError, match=r"deflated.pkl of .* would unpack to 2\.4 MB, which is refused"):
        read(tmp_path / "deflated.pkl")


def test_a_full_disk_leaves_the_old_pairs(tmp_path: Path):
    pairs = tuple(torch.randint(0, 256, (300, 3, 8, 8), dtype=torch.uint8) for _ in range(2))
    write(tmp_path / "pairs.pkl", pairs)
    old = (tmp_path / "pairs.pkl").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for part in range(8):
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(old) * part // 8, hard))
        try:
            with pytest.raises(
                DarkroomError, match=r"cannot write .*pairs\.pkl: the file is larger than allowed here; the old"
            ):
                write(tmp_path / "pairs.pkl", pairs)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (tmp_path / "pairs.pkl").read_bytes() == old and len(list(tmp_path.iterdir())) == 1
