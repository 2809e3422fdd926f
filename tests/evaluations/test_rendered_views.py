import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.evaluations.rendered_views import RenderedViews, nearest_photograph
from darkroom.metrics.fidelity import psnr, ssim
from darkroom.radiance import blender, tabletop
from darkroom.radiance.rays import QueriedViews
from darkroom.radiance.scenes import read_view

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Six training views and two test views of the embedded scene."""
    path = tmp_path_factory.mktemp("scene") / "table"
    tabletop.write(path, views=6, size=24, held_out=2)
    return path


def test_views_are_compared_with_photographs_by_their_cameras(folder: Path):
    scene = blender.scene(folder)
    evaluation = RenderedViews("table", QueriedViews(lambda: scene, 1.0), (psnr, ssim))
    evaluation.open()
    seen = []

    def render(batch) -> torch.Tensor:
        seen.append(batch)
        return batch.target * 0.9

    outcome = evaluation.evaluate(render, CPU)
    views = scene.views["test"]
    assert len(evaluation) == len(seen) == 2 and evaluation.title == "table"
    for batch, view, value in zip(seen, views, outcome.scores["psnr"].values, strict=True):
        photograph = to_float(read_view(view, 1.0))[None]
        intrinsics, pose = batch.condition
        assert torch.equal(intrinsics[0], view.camera.intrinsics) and torch.equal(pose[0], view.camera.pose)
        assert torch.equal(batch.target, photograph)
        assert value == pytest.approx(psnr(photograph * 0.9, photograph).item())
    assert evaluation.protocol() == str(QueriedViews(lambda: None, 1.0))


def test_the_baseline_is_the_training_photograph_of_the_nearest_camera(folder: Path):
    scene = blender.scene(folder)
    evaluation = RenderedViews("table", QueriedViews(lambda: scene, 0.0), (psnr,))
    outcome = evaluation.evaluate(nearest_photograph, CPU)
    for view, value in zip(scene.views["test"], outcome.scores["psnr"].values, strict=True):
        nearest = min(scene.views["train"], key=lambda other: torch.dist(other.camera.centre, view.camera.centre))
        ours, target = (to_float(read_view(v, 0.0))[None] for v in (nearest, view))
        assert value == pytest.approx(psnr(ours, target).item())


def test_some_of_the_views_evenly_spaced(folder: Path):
    scene = blender.scene(folder)
    queried = QueriedViews(lambda: scene, 1.0)
    names = [view.name for view in scene.views["train"]]
    some = RenderedViews("table, training views", queried, (psnr, ssim), split="train", count=3)
    assert list(some.digests()) == names[::2] == some.images.names
    validation = some.subset(2).with_metrics((psnr,))
    assert validation.images.names == [names[0], names[4]] and len(validation) == 2
    assert list(validation.evaluate(nearest_photograph, CPU).scores) == ["psnr"]


def test_making_one_reads_nothing_and_a_missing_split_is_said(folder: Path):
    def find():
        raise DarkroomError("no scene at nowhere")

    evaluation = RenderedViews("table", QueriedViews(find, 1.0), (psnr,))
    assert evaluation.subset(1).title == "table" and "white" in evaluation.protocol()
    with pytest.raises(DarkroomError, match="no scene at nowhere"):
        evaluation.open()
    scene = blender.scene(folder)
    with pytest.raises(DarkroomError, match="no other views"):
        RenderedViews("table", QueriedViews(lambda: scene, 1.0), (psnr,), split="other").open()


def test_a_fingerprint_depends_on_training_photographs_and_cameras(folder: Path, tmp_path: Path):
    def fingerprint(path: Path, background: float = 1.0) -> str:
        scene = blender.scene(path)
        return RenderedViews("table", QueriedViews(lambda: scene, background), (psnr,)).fingerprint()

    other = Path(shutil.copytree(folder, tmp_path / "table"))
    assert fingerprint(other) == fingerprint(folder) != fingerprint(folder, 0.0)
    last = blender.scene(other).views["train"][-1].path
    Image.open(last).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(last)
    changed = fingerprint(other)
    assert changed != fingerprint(folder)
    described = json.loads((other / "transforms_train.json").read_text())
    described["frames"][-1]["transform_matrix"][0][3] += 0.1
    (other / "transforms_train.json").write_text(json.dumps(described))
    assert fingerprint(other) != changed
