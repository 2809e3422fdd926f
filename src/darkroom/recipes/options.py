"""Options that recipes share: one name, one meaning."""

from dataclasses import dataclass
from typing import Literal

from darkroom.engine.optimization import (
    Optimization,
    Schedule,
    adam,
    constant,
    cosine,
    exponential,
    linear,
    linear_after,
    multistep,
)
from darkroom.radiance.bounds import Given


@dataclass(frozen=True)
class DataOptions:
    """Images to train and to evaluate on."""

    train_set: str = "embedded"
    """Images to train on: embedded, bsds500, bsds400, or a folder or zip file of images."""
    test_set: str = "embedded"
    """Images to evaluate on: embedded, bsd68, bsd100, set12 and the like, or a folder or zip file of images."""
    benchmark_sets: tuple[str, ...] = ()
    """Further test sets, evaluated where they are present."""
    patch_size: int = 64
    """Side of the training patches in pixels."""
    batch_size: int = 16
    """Samples per step, over all devices."""
    shuffle_colors: bool = False
    """Augmentation by random permutations of the colour channels, for few training images."""


@dataclass(frozen=True)
class OptimizationOptions:
    """Length of the training, and its optimizer."""

    steps: int
    """Length of the training."""
    lr: float
    """Learning rate before the schedule."""
    schedule: Literal["constant", "linear", "constant_linear", "cosine", "multistep", "exponential"] = "constant"
    """Of the learning rate: linear and cosine fall to 0, constant_linear from the first of --milestones on, exponential to --gamma,
    multistep by --gamma at each of --milestones."""
    milestones: tuple[float, ...] = ()
    """Of the multistep and constant_linear schedules, as shares of the training."""
    gamma: float = 0.1
    """Factor of the multistep and exponential schedules."""
    clip: float | None = None
    """Largest norm of a gradient."""
    ema: float | None = None
    """Decay of the exponential moving average of the weights, which is then evaluated in their place."""

    @property
    def validation_interval(self) -> int:
        """Steps between validations: ten in a training."""
        return max(1, self.steps // 10)

    def schedule_function(self) -> Schedule:
        """The schedule as a function of progress."""
        schedules: dict[str, Schedule] = {
            "constant": constant,
            "linear": linear,
            "constant_linear": linear_after(self.milestones[0] if self.milestones else 0.5),
            "cosine": cosine,
            "multistep": multistep(self.gamma, *self.milestones),
            "exponential": exponential(self.gamma),
        }
        return schedules[self.schedule]

    def adam(self, betas: tuple[float, float] = (0.9, 0.999), *, ema: bool = True) -> Optimization:
        """Adam with these options.

        Args:
            betas: of the moments.
            ema: whether the weights of this network are averaged (if `self.ema` says so).
        """
        average = self.ema if ema else None
        return adam(self.lr, betas=betas, schedule=self.schedule_function(), clip=self.clip, ema=average)


@dataclass(frozen=True)
class SceneOptions:
    """Photographs of a scene, and how rays are drawn from them."""

    scene: str = "lego"
    """embedded, lego, fern and the like below the data root, or a folder."""
    image_width: int = 0
    """Downscale photographs to this width; 0 for their own."""
    near: float | None = None
    """Least depth of the scene in the units of its files; by default what they state, or what follows from points or cameras."""
    far: float | None = None
    """Greatest depth, likewise."""
    scale: float | None = None
    """Factor on the scene's coordinates; by default the one that makes the greatest depth 6."""
    background: float = 1.0
    """Behind transparent pixels: 1 white, 0 black."""
    random_background: bool = False
    """Train with a random background colour behind every ray, so that white surfaces are not taken for background."""
    linear_background: bool = False
    """Composite random backgrounds in linear colour; images are evaluated over plain white or black in any case."""
    batch_size: int = 1024
    """Rays per step, over all devices."""
    pixel_centre: float = 0.5
    """Where in a pixel its ray passes: 0.5, or 0 as in the code of the NeRF papers."""
    lpips: bool = False
    """Download VGG's features (528 MB) to evaluate LPIPS; where they are cached already, it is evaluated anyway."""

    @property
    def bounds(self) -> Given:
        """Near, far and scale."""
        return Given(self.near, self.far, self.scale)
