"""The standard protocol of view synthesis: PSNR and SSIM on 8-bit images over a background, train and test views."""

from collections.abc import Callable

from darkroom.core.method import Example
from darkroom.data.image_set import ImageSet
from darkroom.engine.run import Evaluation
from darkroom.metrics.fidelity import psnr, ssim
from darkroom.metrics.perception import find_lpips, lpips
from darkroom.radiance.rays import QueriedViews
from darkroom.radiance.scenes import Scene, read_view

TRAINING_VIEWS = 8
"""So many of the training views are evaluated, evenly taken."""

VALIDATED = 4


def evaluations(name: str, find: Callable[[], Scene], background: float) -> list[Evaluation]:
    """Test views, then some of the training views ("<name>, training views"); LPIPS where VGG's features are there.

    Args:
        name: of the scene, the column's name.
        find: the scene.
        background: behind transparent pixels: 1 white, 0 black.
    """
    metrics = (psnr, ssim, lpips("vgg"))
    asked = QueriedViews(find, background)
    test, seen = views(name, find, "test", background), views(f"{name}, training views", find, "train", background)
    baseline = {"nearest photograph": _nearest}
    return [Evaluation(test, asked, metrics, baselines=baseline), Evaluation(seen.every(TRAINING_VIEWS), asked, metrics)]


def needs(perceptual: bool) -> list[Callable[[], object]]:
    """What has to be there, and is downloaded if it is not."""
    return [lambda: find_lpips("vgg")] if perceptual else []


def validation(evaluation: Evaluation) -> Evaluation:
    """Some of the test views, by PSNR and SSIM: what is looked at as training goes on."""
    return Evaluation(evaluation.images.every(VALIDATED), evaluation.degrade, (psnr, ssim))


def views(name: str, find: Callable[[], Scene], split: str, background: float) -> ImageSet:
    """The photographs of a split, over a background, at their cameras' size."""

    def cameras() -> dict[object, object]:
        return {view.path: view.camera for view in find().views[split]}

    return ImageSet(
        name,
        lambda: find().files(split),
        read=lambda path: read_view(path, cameras()[path], background),  # type: ignore[arg-type]
    )


def _nearest(pair: Example):  # type: ignore[no-untyped-def]
    return pair.input
