"""FID through every public step: weights in the cache, their digest, training, evaluation, record, report."""

import hashlib
import json
from pathlib import Path

import pytest

from darkroom.core.pretrained import Pretrained
from darkroom.engine.folder import RunFolder
from darkroom.metrics import features
from darkroom.report import page
from darkroom.report.collect import rows_below
from darkroom.report.table import tables_of
from darkroom.workflows.options import RunOptions
from darkroom.workflows.train import train

RECIPE = """
from darkroom.data.image_set import ImageSet
from darkroom.engine.run import Run
from darkroom.evaluations.paired_images import PairedImages
from darkroom.metrics.fidelity import psnr
from darkroom.operators.noise import Gaussian, NoisyPair
from darkroom.recipes.protocols.distributions import DistanceOptions
from tests.engine.toys import denoising_run
from pathlib import Path

TASK = "denoising"
ROWS = {"laptop": {}}


def recipe(photos: str = "", distances: DistanceOptions = DistanceOptions(), seed: int = 0) -> Run:
    images = ImageSet.from_path(Path(photos)).first(2)
    metrics = (psnr, *distances.metrics())
    evaluation = PairedImages(images, NoisyPair(Gaussian(25.0)), metrics, variant={"sigma": 25.0})
    return denoising_run(1, evaluations=[evaluation], requires=distances.requirements())
"""


@pytest.fixture
def recipe(inception: Path, photos: Path, monkeypatch, tmp_path: Path) -> Path:
    """A recipe, where a file with random weights is the published Inception, in PyTorch's cache."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("DARKROOM_CACHE", str(tmp_path / "computed"))
    digest = hashlib.sha256(inception.read_bytes()).hexdigest()
    published = Pretrained("Inception v3 of FID", f"http://127.0.0.1:9/w-{digest[:8]}.pth", 91, digest)
    monkeypatch.setattr(features, "INCEPTION", published)
    published.path().parent.mkdir(parents=True)
    published.path().symlink_to(inception)
    (tmp_path / "with_distances.py").write_text(RECIPE)
    return tmp_path / "with_distances.py"


def test_a_run_is_evaluated_recorded_and_reported(recipe: Path, photos: Path, inception: Path, tmp_path: Path):
    options = RunOptions(out=tmp_path / "runs", accelerator="cpu", precision="32", threads=1)
    folder = train(str(recipe), "laptop", options=options, photos=str(photos), inception="download")
    assert isinstance(folder, RunFolder)
    scores = {result.metric: result.value for result in folder.read_results()}
    assert scores.keys() == {"psnr", "fid", "kid", "frechet_random"} and scores["fid"] > 0 and scores["frechet_random"] > 0
    digest = hashlib.sha256(inception.read_bytes()).hexdigest()[:8]
    recorded = json.loads(folder.description.read_text())["evaluations"][0]["metrics"]["fid"]["protocol"]
    assert f"(weights {digest})" in recorded and recorded.endswith("; 2 predictions against 2 images (PNG)")
    rows, _ = rows_below([folder.path])
    (table,) = tables_of(rows)
    assert [heading.split(" [")[0] for heading in table.metrics] == ["PSNR (dB)", "FID", "KID", "Fréchet (random network)"]
    page.write(tmp_path / "page.html", rows)
    assert f"weights {digest}" in (tmp_path / "page.html").read_text()
    assert len(list((tmp_path / "computed" / "references").iterdir())) == 3  # sums and features of Inception, sums of the other
