"""The standard protocol of view synthesis: PSNR and SSIM on 8-bit pictures over a background, train and test views."""

from collections.abc import Callable

from darkroom.core.method import Pair
from darkroom.data.pictures import Pictures
from darkroom.engine.run import Judge
from darkroom.metrics.fidelity import psnr, ssim
from darkroom.metrics.perception import find_lpips, lpips
from darkroom.radiance.rays import AskedViews
from darkroom.radiance.scenes import Scene, read_view

TRAINING_VIEWS = 8
"""So many of the training views are judged, evenly taken."""

VALIDATED = 4


def judges(name: str, find: Callable[[], Scene], background: float) -> list[Judge]:
    """Test views, then some of the training views ("<name>, training views"); LPIPS where VGG's features are there.

    Args:
        name: of the scene, the column's name.
        find: the scene.
        background: behind transparent pixels: 1 white, 0 black.
    """
    metrics = (psnr, ssim, lpips("vgg"))
    asked = AskedViews(find, background)
    test, seen = views(name, find, "test", background), views(f"{name}, training views", find, "train", background)
    baseline = {"nearest photograph": _nearest}
    return [Judge(test, asked, metrics, baselines=baseline), Judge(seen.every(TRAINING_VIEWS), asked, metrics)]


def needs(perceptual: bool) -> list[Callable[[], object]]:
    """What has to be there, and is downloaded if it is not."""
    return [lambda: find_lpips("vgg")] if perceptual else []


def validation(judge: Judge) -> Judge:
    """Some of the test views, by PSNR and SSIM: what is looked at as training goes on."""
    return Judge(judge.pictures.every(VALIDATED), judge.degrade, (psnr, ssim))


def views(name: str, find: Callable[[], Scene], split: str, background: float) -> Pictures:
    """The photographs of a split, over a background, at their cameras' size."""

    def cameras() -> dict[object, object]:
        return {view.path: view.camera for view in find().views[split]}

    return Pictures(
        name,
        lambda: find().files(split),
        read=lambda path: read_view(path, cameras()[path], background),  # type: ignore[arg-type]
    )


def _nearest(pair: Pair):  # type: ignore[no-untyped-def]
    return pair.source
