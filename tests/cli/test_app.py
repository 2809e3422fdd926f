"""What the page in the browser offers, by what is in the folder of runs."""

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

pytest.importorskip("gradio")

from darkroom.apps.painting import as_painted
from darkroom.apps.restoration import Jobs
from darkroom.apps.sampling import write_all
from darkroom.cli import app as cli
from tests.apps.untrained import SCORE, TRANSLATION, untrained_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """A translation, a generator, and a damaged run that would come first."""
    root = tmp_path_factory.mktemp("runs")
    untrained_run(root, "pix2pix", "image translation", **TRANSLATION)
    untrained_run(root, "score_sde", "generation", **SCORE)
    shutil.copytree(root / "pix2pix" / "laptop", root / "a" / "b")
    (root / "a" / "b" / "checkpoints" / "final.safetensors").write_bytes(b"no weights")
    return root


def test_tabs_are_those_of_the_runs_that_can_be_read(runs: Path, tmp_path: Path, capsys):
    import gradio as gr

    jobs = Jobs()
    for folder, count in ((tmp_path, 0), (runs, 1)):
        made = [*cli._paint_tab(folder), *cli._sample_tab(folder)]
        assert len(made) == 2 * count
        with gr.Blocks() as page:
            for make in made:
                make(jobs)
        titles = [block.label for block in page.blocks.values() if isinstance(block, gr.Tab)]
        assert titles == ["Paint", "Sample"][: 2 * count]
    assert "a/b is left out: " in capsys.readouterr().out
    assert cli._of_runs(runs, 64) == []
    jobs.close()


def test_what_is_painted_is_translated_with_blended_edges_and_in_any_size(runs: Path):
    painter = cli._painter(str(runs / "pix2pix" / "laptop"))
    assert painter.size == (32, 48) and len(painter.palette) == len(painter.classes) == 7
    drawn = Image.new("RGB", (96, 64), painter.palette[0])
    drawn.paste(painter.palette[3], (20, 20, 60, 50))
    blended = Image.blend(drawn, drawn.resize((97, 64)).resize((96, 64)), 0.5)
    assert as_painted(drawn, painter.palette).tobytes() == drawn.tobytes()
    result = painter.translate(as_painted(blended, painter.palette))
    assert result.size == (48, 32) and result.mode == "RGB"


def test_samples_are_drawn_and_written(runs: Path, tmp_path: Path):
    sampler = cli._generator(str(runs / "score_sde" / "laptop"))
    steps: list[tuple[int, int]] = []
    found = sampler.draw(3, sampler.samplers[0], 4, 0, lambda *done: steps.append(done))
    assert found.shape == (3, 1, 8, 8) and steps[-1] == (3, 3)
    assert torch.equal(found, sampler.draw(3, sampler.samplers[0], 4, 0, lambda *done: None))
    files = write_all(found, tmp_path)
    assert [file.name for file in files] == ["grid.png", "00.png", "01.png", "02.png"]
    assert Image.open(files[0]).size == (2 * 130 + 2, 2 * 130 + 2) and Image.open(files[1]).size == (8, 8)
