import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from darkroom.core.errors import DarkroomError
from darkroom.data import kernels
from darkroom.data.kernels import Blurs, motion_kernels, read_kernel
from darkroom.operators.blur import BlurredPair

TABLE = np.array([[0.0, 1.0, 0.0], [1.0, 4.0, 2.0], [0.0, 1.0, 1.0]])


@pytest.mark.parametrize("ending", ["npz", "npy", "txt", "csv", "png"])
def test_every_kind_of_file_gives_the_same_kernel(tmp_path: Path, ending: str):
    path = tmp_path / f"k.{ending}"
    if ending == "npz":
        np.savez(path, only=TABLE)
    elif ending == "npy":
        np.save(path, TABLE)
    elif ending == "png":
        Image.fromarray((TABLE * 60).astype(np.uint8)).save(path)
    else:
        np.savetxt(path, TABLE, delimiter="," if ending == "csv" else " ")
    torch.testing.assert_close(read_kernel(str(path)), torch.from_numpy(TABLE / TABLE.sum()).float())


def test_one_of_several_is_chosen_by_name(tmp_path: Path):
    path = tmp_path / "two.npz"
    np.savez(path, a=TABLE, b=TABLE.T)
    assert torch.equal(read_kernel(f"{path}:b"), read_kernel(f"{path}:a").T)
    for given, words in [(str(path), "has 2 kernels: choose one of a, b"), (f"{path}:c", "no kernel 'c': choose one of a, b")]:
        with pytest.raises(DarkroomError, match=words):
            read_kernel(given)


def test_a_broken_file_is_one_line(tmp_path: Path):
    np.save(tmp_path / "object.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "even.npy", np.ones((4, 4)))
    (tmp_path / "words.txt").write_text("these are words")
    (tmp_path / "broken.npz").write_bytes(b"PK broken")
    (tmp_path / "broken.png").write_bytes(b"broken")
    (tmp_path / "k.doc").write_bytes(b"")
    for name, words in [
        ("object.npy", "cannot be read as a table of numbers .*pickle"),
        ("even.npy", "even.npy: .*odd sides.*given 4x4"),
        ("words.txt", "cannot be read as a table"),
        ("broken.npz", "cannot be read"),
        ("broken.png", "cannot be read"),
        ("k.doc", "'.doc' is none of"),
        ("nothing.npy", "no kernel file at"),
    ]:
        with pytest.raises(DarkroomError, match=words):
            read_kernel(str(tmp_path / name))


def test_motion_kernels_are_thin_paths_that_differ():
    first, second = motion_kernels().values()
    assert first.shape == (13, 13) and first.sum().item() == pytest.approx(1) and not torch.equal(first, second)
    assert 5 < int((first > 0).sum()) < 80
    assert torch.equal(motion_kernels()["motion1"], first)


def test_blurs_are_one_degradation_for_each_kernel(tmp_path: Path, monkeypatch):
    degradations = Blurs("motion", 2.55, "valid", True)("any name")
    assert [type(degradation) for degradation in degradations] == [BlurredPair] * 2
    clean = torch.rand(1, 40, 40)
    inputs = [degradation(clean, torch.Generator().manual_seed(0)).input for degradation in degradations]
    assert inputs[0].shape == (1, 28, 28) and not torch.equal(*inputs)
    np.savez(tmp_path / "mine.npz", a=TABLE)
    assert len(Blurs(str(tmp_path / "mine.npz"), 0.0, "circular", False)("x")) == 1
    monkeypatch.setenv("DARKROOM_DATA", str(tmp_path))
    absent = Blurs("levin", 12.75, "circular", False)
    assert str(absent) == "each of the kernels of levin; circular blur; Gaussian noise of 12.75"  # opens no file
    with pytest.raises(DarkroomError, match="kernels of Levin et al. 2009 are not at"):
        absent("x")


def test_the_kernels_of_levin(real_data: Path):
    found = kernels.levin()
    assert {name: tuple(k.shape) for name, k in found.items()} == {
        "k1": (19, 19), "k2": (17, 17), "k3": (15, 15), "k4": (27, 27), "k5": (13, 13), "k6": (21, 21), "k7": (23, 23), "k8": (23, 23)
    }  # fmt: skip


def npz_of(members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return content.getvalue()


def npy_that_declares(shape: tuple[int, ...], data: bytes = b"", *, by_columns: bool = False) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, {"descr": "<f8", "fortran_order": by_columns, "shape": shape})
    return content.getvalue() + data


def test_a_bomb_is_one_line_before_memory_is_taken(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(kernels, "LARGEST", 1_000_000)
    for name, content, words in [
        ("a.npz", npz_of({"k.npy": bytes(3_000_000)}), "it would unpack to 3 MB; kernels have at most 1"),
        ("b.npz", npz_of({f"{number}.npy": bytes(30_000) for number in range(40)}), "it would unpack to 1 MB"),
        (
            "c.npz",
            npz_of({"k.npy": npy_that_declares((10**5, 10**5))}),
            "0 bytes are no float64 array of shape .100000, 100000",
        ),
        ("d.npy", npy_that_declares((10**9, 9), bytes(80)), "80 bytes are no float64 array"),
        ("e.npy", npy_that_declares((-3, -3), bytes(72)), "cannot be read"),
        ("f.npy", bytes(1_000_001), "has 1 MB; a file of kernels has at most 1"),
        ("g.txt", b"1 " * 600_000, "has 1 MB; a file of kernels has at most 1"),
        ("h.npz", npz_of({"k.npy": npy_that_declares((3, 3), bytes(72))})[:-30], "cannot be read"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DarkroomError, match=words) as caught:
            read_kernel(str(tmp_path / name))
        assert "\n" not in str(caught.value) and name in str(caught.value)


def test_arrays_by_columns_and_compressed(tmp_path: Path):
    np.savez_compressed(tmp_path / "a.npz", k=TABLE)
    np.save(tmp_path / "b.npy", np.asfortranarray(TABLE))
    for name in ("a.npz", "b.npy"):
        torch.testing.assert_close(read_kernel(str(tmp_path / name)), torch.from_numpy(TABLE / TABLE.sum()).float())
