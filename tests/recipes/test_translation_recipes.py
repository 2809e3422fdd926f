"""The recipes of image translation end to end, tiny: every kind of pairs, losses, and what is evaluated."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from darkroom.core.errors import DarkroomError
from darkroom.engine.fit import Training, fit
from darkroom.engine.prepare import open_data
from darkroom.recipes import lookup
from darkroom.workflows.options import RunOptions
from darkroom.workflows.train import train
from darkroom.workflows.translate import make_translator, translate
from tests.engine.toys import fabric

TINY = dict(width=4, discriminator_width=4, size=(32, 32), margin=4, batch_size=2, steps=2, scales=1)
SMALL = {
    "pix2pix": dict(levels=4),
    "pix2pixhd": dict(blocks=1, downsamplings=2),
    "asapnet": dict(downsamplings=2, depth=2, grid=4, octaves=3, pixel_width=8),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pairs of photographs in halves, and label maps of four labels beside photographs."""
    random = np.random.default_rng(0)
    for split in ("train", "test"):
        for part in (split, f"{split}A", f"{split}B"):
            (tmp_path / part).mkdir()
        for number in range(3):
            halves = random.integers(0, 256, (40, 80, 3), dtype=np.uint8)
            Image.fromarray(halves).save(tmp_path / split / f"{number}.png")
            Image.fromarray(random.integers(0, 4, (40, 40), dtype=np.uint8)).save(tmp_path / f"{split}A" / f"{number}.png")
            Image.fromarray(halves[:, :40]).save(tmp_path / f"{split}B" / f"{number}.png")
    return tmp_path


@pytest.mark.parametrize("recipe", list(SMALL))
@pytest.mark.parametrize("changes", [{}, dict(layout="folders", labels=4)])
def test_a_folder_of_ones_own(recipe: str, changes: dict, folder: Path):
    settings = {**lookup.row(recipe, "facades"), **TINY, **SMALL[recipe], **changes, "pairs": str(folder)}
    run, _ = open_data(lookup.build(recipe, settings))
    training = Training(run, fabric())
    list(fit(training))
    with training.evaluating() as method:
        outcome = run.evaluations[0].evaluate(run.evaluations[0].predictor(method), torch.device("cpu"))
    assert outcome.scores["psnr"].value > 0 and outcome.scores["frechet_random"].count == 3
    shown = outcome.previews[0].images
    assert all(image.shape == (3, 32, 32) for image in shown.values())  # label maps in colours


def test_a_run_is_trained_evaluated_reported_and_applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("darkroom.evaluations.inference_cost.REPEATS", 1)
    changes = {**TINY, **SMALL["asapnet"], "margin": 0}
    train("asapnet", "laptop", options=RunOptions(out=tmp_path, accelerator="cpu", threads=1), **changes)
    path = tmp_path / "asapnet" / "laptop"
    results = (path / "results.jsonl").read_text()
    assert all(f'"{metric}"' in results for metric in ("psnr", "ssim", "frechet_random", "milliseconds", "million_parameters"))
    translator = make_translator(path, accelerator="cpu")
    assert translator.palette and translator.size == (32, 32)
    assert translate(np.zeros((45, 39), np.uint8), translator).shape == (45, 39, 3)
    (preview,) = list((path / "previews").glob("shapes/scene-0/input.png"))
    assert len(np.unique(np.asarray(Image.open(preview).convert("RGB")).reshape(-1, 3), axis=0)) > 2


def test_discriminators_have_their_own_learning_rate_and_the_papers_moments():
    for recipe, betas, lrs in (
        ("pix2pix", (0.5, 0.999), (2e-4, 2e-4)),
        ("pix2pixhd", (0.5, 0.999), (2e-4, 2e-4)),
        ("asapnet", (0.0, 0.9), (1e-4, 4e-4)),
    ):
        run = lookup.build(recipe, {**lookup.row(recipe, "facades"), **TINY, **SMALL[recipe]})
        found = {name: run.optimizers[name] for name in ("generator", "discriminator")}
        assert tuple(optimization.lr for optimization in found.values()) == lrs
        for name, optimization in found.items():
            optimizer = optimization.build(run.method.networks()[name])
            assert optimizer.param_groups[0]["betas"] == betas
        decay = 2 / 3 if recipe == "asapnet" else 0.5
        assert found["generator"].schedule(decay - 1e-6) == 1 and found["discriminator"].schedule(0.99) < 0.04


def test_weights_of_features_are_looked_for_only_where_they_are_used(tmp_path: Path):
    row = {**lookup.row("pix2pixhd", "laptop"), **TINY, **SMALL["pix2pixhd"], "vgg19": str(tmp_path / "none.pth")}
    open_data(lookup.build("pix2pixhd", row))
    with pytest.raises(DarkroomError, match=r"no weights of VGG-19 at .*none\.pth"):
        open_data(lookup.build("pix2pixhd", {**row, "perceptual_weight": 5.0}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (dict(size=(40, 32)), "sizes that are multiples of 16, given 32x40"),
        (dict(scales=2), "discriminators at 2 scale.* at least 48 pixels a side, given 32x32"),
        (dict(pairs="camvid", instances=True), "camvid has no maps of instances"),
    ],
)
def test_settings_that_do_not_fit_are_found_before_the_data_is_read(changes: dict, words: str):
    with pytest.raises(DarkroomError, match=words):
        lookup.build("pix2pix", {**lookup.row("pix2pix", "laptop"), **TINY, **SMALL["pix2pix"], **changes})


def test_published_numbers_of_unknown_protocol_are_marked():
    for recipe in SMALL:
        for row in ("cityscapes", "cityscapes_hd"):
            assert all(number.unknown for number in lookup.published(recipe)[row])
