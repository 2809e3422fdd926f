"""`darkroom data poses`: what can go wrong is found before the work, and nothing is overwritten unasked."""

import shutil
from pathlib import Path

import pytest

from darkroom.cli.data_poses import command
from darkroom.core.errors import DarkroomError
from darkroom.radiance import motion, tabletop
from darkroom.radiance.alignment import counterparts
from darkroom.radiance.blender import read_frames
from darkroom.radiance.lens import Lens


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("scene") / "table"
    tabletop.write(path, views=4, size=16, held_out=1)
    return path


@pytest.fixture
def photographs(scene: Path, tmp_path: Path, monkeypatch) -> Path:
    """Copies of the training photographs; structure from motion finds the true cameras at once."""
    shutil.copytree(scene / "train", tmp_path / "mine" / "images")
    views, _ = read_frames(scene / "transforms_train.json")

    def found(paths, matching, lens, log, progress, seed):
        log("exhaustive matching")
        progress("pairs matched", 3, 6)
        at = {view.path.name: view for view in views}
        placed = [type(view)(path.stem, path, at[path.name].camera) for path, view in zip(paths, views, strict=True)]
        return motion.Reconstruction(placed, Lens(), [], 2.0, 6.0, 0.1, "exhaustive")

    monkeypatch.setattr(motion, "structure_from_motion", found)
    monkeypatch.setattr("darkroom.cli.progress.LINE_INTERVAL", 0.0)
    return tmp_path / "mine"


def test_poses_are_written_compared_by_file_name_and_not_overwritten_unasked(photographs: Path, scene: Path, capsys):
    command([str(photographs), "--known", str(scene)])
    shown = capsys.readouterr()
    assert "common rotation" in shown.out and "0.00% of the cameras" in shown.out
    assert "pairs matched: 3 of 6" in shown.err
    before = (photographs / "transforms.json").read_bytes()
    with pytest.raises(DarkroomError, match=r"transforms.json exists: --force replaces it"):
        command([str(photographs)])
    (photographs / "transforms.json").write_text("{}")
    command([str(photographs), "--force"])
    assert (photographs / "transforms.json").read_bytes() == before


def test_known_poses_of_other_photographs_are_refused_before_the_work(photographs: Path, scene: Path, monkeypatch):
    monkeypatch.setattr(motion, "structure_from_motion", lambda *_: pytest.fail("the work has begun"))
    for path in (photographs / "images").iterdir():
        path.rename(path.with_name(f"IMG_{path.name}"))
    with pytest.raises(
        DarkroomError, match="0 of 4 photographs have known poses: files are matched by name, and IMG_r_000.png"
    ):
        command([str(photographs), "--known", str(scene)])
    with pytest.raises(DarkroomError, match="is it a scene"):
        command([str(photographs), "--known", str(photographs)])


def test_photographs_are_matched_by_file_by_name_and_by_stem(scene: Path, tmp_path: Path):
    views, _ = read_frames(scene / "transforms_train.json")
    for paths in (
        [view.path for view in views],
        [tmp_path / view.path.name for view in views],
        [tmp_path / f"{view.path.stem}.jpg" for view in views],
    ):
        assert [view.name for view in counterparts(paths, views).values()] == [view.name for view in views]
    with pytest.raises(DarkroomError, match="0 of 4"):  # a name that two views share says nothing
        counterparts(
            [tmp_path / view.path.name for view in views],
            [*views, *[type(v)("x", tmp_path / "y" / v.path.name, v.camera) for v in views]],
        )


def test_sequential_pairs_are_neighbours_and_powers_of_two():
    names = [f"{number:03}" for number in range(40)]
    assert len(motion._pairs(names, None)) == 40 * 39 // 2
    of_first = [int(other) for one, other in motion._pairs(names, 10) if one == "000"]
    assert of_first == [*range(1, 11), 16, 32]
