"""One run of a recipe outside the package, trained once for all tests."""

from pathlib import Path

import pytest

from darkroom.engine.folder import RunFolder
from darkroom.workflows.options import RunOptions
from darkroom.workflows.train import train
from tests.tiny import write_photos

RECIPE = '''"""A network of two convolutions, in a file of its own.

    darkroom train my_recipe.py laptop
"""

from torch import nn

from darkroom.core.network import RestorationNetwork
from darkroom.core.randomness import generator
from darkroom.core.record import Published
from darkroom.data.named_sets import evaluation_images, training_images
from darkroom.data.streams import PatchStream
from darkroom.engine.run import Run
from darkroom.methods.regression import Regression, squared_error
from darkroom.operators.noise import Gaussian, NoisyPair
from darkroom.recipes.options import DataOptions, OptimizationOptions
from darkroom.recipes.protocols import denoising


class TwoLayers(RestorationNetwork):
    channels, halo = 3, 2

    def __init__(self, width, seed):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 3, 3, padding=1))
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.1, generator=generator(seed, "weights"))

    def forward(self, image):
        return image + self.layers(image)


ROWS = {"laptop": dict(), "wide": dict(width=8)}
PUBLISHED = {
    "laptop": [
        Published("psnr", "photos", 25.0, "a paper", {"sigma": 25.0}),
        Published("psnr", "photos", 26.5, "a paper", {"sigma": 25.0}, method="Others"),
    ]
}


def recipe(
    width: int = 4,
    data: DataOptions = DataOptions(patch_size=8, batch_size=2),
    optimization: OptimizationOptions = OptimizationOptions(steps=6, lr=1e-3),
    seed: int = 0,
) -> Run:
    """Two layers.

    Args:
        width: Features between the layers.
        data: Training and test images.
        optimization: Adam.
        seed: Of everything.
    """
    network = TwoLayers(width, seed)
    evaluations = denoising.evaluations(evaluation_images(data.test_set), (25.0,))
    return Run(
        method=Regression(network, squared_error),
        stream=PatchStream(
            training_images(data.train_set), NoisyPair(Gaussian(25.0)),
            patch_size=data.patch_size, batch_size=data.batch_size, seed=seed,
        ),
        optimizers={"network": optimization.adam()},
        steps=optimization.steps,
        validation=denoising.validation(evaluations),
        validation_interval=optimization.validation_interval,
        evaluations=evaluations,
        network=network,
        seed=seed,
    )
'''


class Recorder:
    """A listener that keeps what it is given."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int]] = []
        self.validations: list[int] = []
        self.evaluations: dict[str, tuple[int, int]] = {}
        self.lines: list[str] = []

    def progress(self, step, total, losses) -> None:
        self.steps.append((step, total))

    def validated(self, step, scores) -> None:
        self.validations.append(step)

    def evaluated(self, title, done, total) -> None:
        self.evaluations[title] = (done, total)

    def say(self, line) -> None:
        self.lines.append(line)


class Trained:
    """A trained run with its recipe, its images, and what its listener was given."""

    def __init__(self, root: Path) -> None:
        self.root, self.photos = root, write_photos(root / "photos")
        self.recipe = root / "my_recipe.py"
        self.recipe.write_text(RECIPE)
        self.listener = Recorder()
        self.folder = self.train(listener=self.listener)

    def train(self, row: str = "laptop", listener: Recorder | None = None, **settings) -> RunFolder:
        options = RunOptions(out=self.root / "runs", accelerator="cpu", precision="32")
        sets = dict(train_set=str(self.photos), test_set=str(self.photos))
        return train(self.recipe, row, options=options, listener=listener, **sets, **settings)


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Trained:
    return Trained(tmp_path_factory.mktemp("trained"))
