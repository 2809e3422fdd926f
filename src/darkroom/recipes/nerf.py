"""NeRF: Neural Radiance Fields (Mildenhall, Srinivasan, Tancik, Barron, Ramamoorthi, Ng 2020): novel views of a scene.

    darkroom train nerf laptop            three minutes on two CPU cores, a small network on a scene of our own, nothing to download
    darkroom train nerf lego              the paper's Table 4: 800x800; hours on a GPU (estimated; the paper's took a day or two)
    darkroom train nerf lego --size 100   the same on small images
    darkroom train nerf fern              forward-facing photographs, in normalised device coordinates
    darkroom view runs/nerf/laptop        walk around in it

Over white (real photographs have no background); 8-bit images. A field that collapses to nothing begins anew by itself.
"""

from darkroom.core.randomness import generator
from darkroom.engine.run import Published, Run, adam, exponential
from darkroom.methods.nerf import NeuralRadianceField
from darkroom.networks.nerf import NeRF
from darkroom.radiance import named
from darkroom.radiance.rays import RayStream
from darkroom.radiance.scenes import Scene
from darkroom.radiance.space import Space
from darkroom.recipes.protocols import views

ROWS: dict[str, dict[str, object]] = {
    "lego": dict(scene="lego"),
    "fern": dict(scene="fern", noise=1.0, background=0.0, centre_crop=0),
    "laptop": dict(
        scene="embedded", width=64, depth=4, skip=2, samples=(32, 32), rays=512, steps=1500, lr=2e-3, centre_crop=100
    ),
}

PROTOCOL = frozenset({"size", "background"})
"""Settings that, when changed, make a number measure something else than the paper's."""

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
    scene: str = "lego",
    size: int = 0,
    background: float = 1.0,
    random_background: bool = False,
    width: int = 256,
    depth: int = 8,
    skip: int = 5,
    samples: tuple[int, int] = (64, 128),
    noise: float = 0.0,
    centre_crop: int = 500,
    rays: int = 1024,
    steps: int = 300_000,
    lr: float = 5e-4,
    pixel_centre: float = 0.5,
    perceptual: bool = False,
    seed: int = 0,
) -> Run:
    """A neural radiance field, coarse and fine.

    Args:
        scene: embedded, lego, fern and the like below the data root, or a folder.
        size: reduce images to this width; 0 for as they are.
        background: behind transparent pixels: 1 white, 0 black.
        random_background: learn before another colour behind every ray, lest something white be taken for nothing.
        width: features of a layer.
        depth: layers before the density.
        skip: the encoded place is put in again after this layer.
        samples: along a ray: stratified ones, and those drawn besides for the fine network.
        noise: deviation of what is added to densities in training; 1 for real scenes.
        centre_crop: for so many steps rays are drawn from the middle of the images.
        rays: a step; the paper's 4096, its code's 1024.
        steps: length of the training.
        lr: Adam's; it falls to a tenth over the training.
        pixel_centre: where in a pixel its ray goes through: 0.5, or 0 as in the paper's code.
        perceptual: download VGG's features (528 MB) to evaluation by LPIPS; where they are there already, it is done anyway.
        seed: of weights and rays.
    """

    learned_before = None if random_background else background

    def find() -> Scene:
        return named.scene(scene, size)

    coarse, fine = (NeRF(width, depth, skip).initialise(generator(seed, "weights", name)) for name in ("coarse", "fine"))
    method = NeuralRadianceField(
        coarse, fine, Space(pixel_centre), samples=samples, background=background, noise=noise, seed=seed
    )
    evaluated = views.evaluations(scene, find, background)
    optimization = adam(lr, schedule=exponential(0.1))
    return Run(
        method=method,
        stream=RayStream(
            find, background=learned_before, rays=rays, seed=seed, centre_crop=centre_crop, pixel_centre=pixel_centre
        ),
        optimizers={"coarse": optimization, "fine": optimization},
        steps=steps,
        validation=views.validation(evaluated[0]),
        validate_every=max(1, steps // 10),
        evaluations=evaluated,
        needs=[lambda: method.prepare(find()), *views.needs(perceptual)],
        remarks=lambda: find().remarks,
        seed=seed,
    )
