"""NeRF: Neural Radiance Fields (Mildenhall, Srinivasan, Tancik, Barron, Ramamoorthi, Ng 2020): novel views of a scene.

    darkroom train nerf laptop                   three minutes on two CPU cores, a small network, nothing to download
    darkroom train nerf lego                     the paper's Table 4: 800x800; hours on a GPU (estimated; the paper: a day or two)
    darkroom train nerf lego --image-width 100   the same on small images
    darkroom train nerf fern                     forward-facing photographs, in normalised device coordinates
    darkroom view runs/nerf/laptop               an interactive viewer

Over white (real photographs have no background); 8-bit images. A field that collapses to empty space is initialised anew.
"""

from darkroom.core.randomness import generator
from darkroom.core.record import Published
from darkroom.engine.run import Run
from darkroom.methods.nerf import NeuralRadianceField
from darkroom.networks.nerf import NeRF
from darkroom.radiance import named
from darkroom.radiance.scenes import Scene
from darkroom.radiance.space import Space
from darkroom.recipes.options import OptimizationOptions, SceneOptions
from darkroom.recipes.protocols import views

TASK = "views of a scene"

ROWS: dict[str, dict[str, object]] = {
    "lego": dict(scene="lego"),
    "fern": dict(scene="fern", noise=1.0, background=0.0, centre_crop=0),
    "laptop": dict(
        scene="embedded",
        width=64,
        depth=4,
        skip=2,
        samples=(32, 32),
        batch_size=512,
        steps=1500,
        lr=2e-3,
        centre_crop=100,
    ),
}

_TABLE = "Mildenhall et al. 2020, Table 4"
PUBLISHED = {
    "lego": [
        Published("psnr", "lego", 32.54, _TABLE),
        Published("ssim", "lego", 0.961, _TABLE),
        Published("lpips_vgg", "lego", 0.050, _TABLE),
    ],
    "fern": [
        Published("psnr", "fern", 25.17, f"{_TABLE} (1008x756)"),
        Published("ssim", "fern", 0.792, f"{_TABLE} (1008x756)"),
        Published("psnr", "fern", 24.99, "Sun et al. 2022, forward-facing variant (1008x756)", method="DVGO"),
    ],
}


def recipe(
    width: int = 256,
    depth: int = 8,
    skip: int = 5,
    samples: tuple[int, int] = (64, 128),
    noise: float = 0.0,
    centre_crop: int = 500,
    scene: SceneOptions = SceneOptions(),
    optimization: OptimizationOptions = OptimizationOptions(300_000, 5e-4, "exponential"),
    seed: int = 0,
) -> Run:
    """A neural radiance field, coarse and fine.

    Args:
        width: Features of a layer.
        depth: Layers before the density.
        skip: The encoded position is concatenated again after this layer.
        samples: Along a ray: stratified samples, and importance samples for the fine network.
        noise: Standard deviation of the noise added to densities in training; 1 for real scenes.
        centre_crop: During the first so many steps rays are drawn from the centre of the images.
        scene: Photographs, and how rays are drawn from them.
        optimization: Adam.
        seed: Of weights and rays.
    """

    def find() -> Scene:
        return named.scene(scene.scene, scene.image_width, scene.bounds)

    coarse, fine = (NeRF(width, depth, skip).initialise(generator(seed, "weights", name)) for name in ("coarse", "fine"))
    space = Space(scene.pixel_centre)
    method = NeuralRadianceField(coarse, fine, space, samples=samples, background=scene.background, noise=noise, seed=seed)
    evaluations = views.evaluations(scene, find)
    return Run(
        method=method,
        stream=views.ray_stream(scene, find, seed, centre_crop=centre_crop),
        optimizers={"coarse": optimization.adam(), "fine": optimization.adam()},
        steps=optimization.steps,
        validation=views.validation(evaluations[0]),
        validation_interval=optimization.validation_interval,
        evaluations=evaluations,
        kind="scene",
        requires=views.requirements(scene),
        prepare=lambda: method.prepare(find()),
        remarks=lambda: find().remarks,
        seed=seed,
    )
