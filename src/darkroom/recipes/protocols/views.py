"""View synthesis: rays of training views, and the standard protocol: PSNR and SSIM on 8-bit images over a background, test and training views."""

from collections.abc import Callable

from darkroom.evaluations.rendered_views import RenderedViews, nearest_photograph
from darkroom.metrics.fidelity import psnr, ssim
from darkroom.metrics.perception import find_lpips, lpips
from darkroom.radiance.rays import QueriedViews, RayStream
from darkroom.radiance.scenes import Scene
from darkroom.recipes.options import SceneOptions

TRAINING_VIEWS = 8
"""So many of the training views are evaluated, evenly spaced."""

VALIDATION_VIEWS = 4


def evaluations(options: SceneOptions, find: Callable[[], Scene]) -> list[RenderedViews]:
    """Test views, then some of the training views ("<scene>, training views"); LPIPS where VGG's features are present.

    Args:
        options: name of the scene, background and image size.
        find: the scene.
    """
    metrics = (psnr, ssim, lpips("vgg"))
    queried = QueriedViews(find, options.background, options.image_width)
    test = RenderedViews(options.scene, queried, metrics, split="test", baselines={"nearest photograph": nearest_photograph})
    training = RenderedViews(f"{options.scene}, training views", queried, metrics, split="train", count=TRAINING_VIEWS)
    return [test, training]


def ray_stream(options: SceneOptions, find: Callable[[], Scene], seed: int, *, centre_crop: int = 0) -> RayStream:
    """Rays of the training views; during the first `centre_crop` steps from the centre of the images."""
    return RayStream(
        find,
        background=None if options.random_background else options.background,
        rays=options.batch_size,
        seed=seed,
        centre_crop=centre_crop,
        pixel_centre=options.pixel_centre,
        linear=options.linear_background,
    )


def requirements(options: SceneOptions) -> list[Callable[[], object]]:
    """What has to be present, and is downloaded otherwise."""
    return [lambda: find_lpips("vgg")] if options.lpips else []


def validation(evaluation: RenderedViews) -> RenderedViews:
    """Some of the test views, by PSNR and SSIM."""
    return evaluation.subset(VALIDATION_VIEWS).with_metrics((psnr, ssim))
