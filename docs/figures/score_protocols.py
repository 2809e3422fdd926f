"""Print the tables of `docs/protocols.md`, what the same images score under different protocols: python docs/figures/score_protocols.py"""

import io
import statistics
import warnings
from collections.abc import Callable, Iterable

import numpy as np
import skimage.metrics
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate
from torchmetrics.functional.image import structural_similarity_index_measure as torchmetrics_ssim

from darkroom.core.images import round_to_8_bits, to_float, to_uint8
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.data.image_patches import ImagePatches
from darkroom.data.shapes import CLASSES, shapes
from darkroom.metrics.classification import mean_iou, pixel_accuracy
from darkroom.metrics.distribution import frechet_distance, kernel_distance
from darkroom.metrics.features import Features, random_features
from darkroom.metrics.fidelity import luma, psnr, psnr_within, psnr_y, psnr_y_uint8, ssim, ssim_y
from darkroom.operators.resample import DownscaledPair, upscale

CPU = torch.device("cpu")
Pairs = list[tuple[Tensor, Tensor]]


def table(title: str, rows: Iterable[tuple[str, float]], digits: int) -> None:
    print(f"\n| {title} | |\n|---|---|")
    for name, value in rows:
        print(f"| {name} | {value:.{digits}f} |")


def upscaled() -> Pairs:
    """The three held-out photographs, downscaled by 2 and upscaled again, with the originals."""
    pairs = []
    for image in embedded("heldout"):
        pair = DownscaledPair(2, "matlab")(to_float(image), torch.Generator())
        pairs.append((upscale(pair.input[None], 2, "matlab"), pair.target[None]))
    return pairs


def mean(function: Callable[[Tensor, Tensor], Tensor | float], pairs: Pairs) -> float:
    return statistics.fmean(float(function(x, y)) for x, y in pairs)


def of_floats(x: Tensor, y: Tensor) -> float:
    return float(-10 * (x.double() - y.double()).square().mean().log10())


def full_range(x: Tensor) -> Tensor:
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64).view(3, 1, 1)
    return (round_to_8_bits(x).double() * weights).sum(1, keepdim=True)


def fidelity() -> None:
    pairs = upscaled()
    pooled = torch.cat([(round_to_8_bits(x) - y).double().square().flatten() for x, y in pairs]).mean()
    table(
        "PSNR of the same three images",
        [
            ("RGB, rounded to 8 bits, mean over images (`psnr`)", mean(psnr, pairs)),
            ("RGB, clipped and not rounded", mean(lambda x, y: of_floats(x.clamp(0, 1), y), pairs)),
            ("RGB, of the mean squared error over all pixels of the set", float(-10 * pooled.log10())),
            ("RGB, 8 pixels cropped from every side (`psnr_crop8`)", mean(psnr_within(8), pairs)),
            ("luma in limited range, 2 pixels cropped (`psnr_y_crop2`, super-resolution)", mean(psnr_y(2), pairs)),
            ("the same, nothing cropped", mean(psnr_y(0), pairs)),
            ("luma rounded to 8 bits, 2 pixels cropped (`psnr_y_uint8_crop2`)", mean(psnr_y_uint8(2), pairs)),
            ("luma in full range, nothing cropped", mean(lambda x, y: of_floats(full_range(x), full_range(y)), pairs)),
        ],
        2,
    )  # fmt: skip

    def scikit(**options: object) -> Callable[[Tensor, Tensor], float]:
        def compute(x: Tensor, y: Tensor) -> float:
            arrays = (z[0].permute(1, 2, 0).double().numpy() for z in (round_to_8_bits(x), y))
            return float(skimage.metrics.structural_similarity(*arrays, channel_axis=2, **{"data_range": 1.0, **options}))

        return compute

    gaussian = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    table(
        "SSIM of the same three images",
        [
            ("Gaussian window of 11 pixels inside the image (`ssim`)", mean(ssim, pairs)),
            ("scikit-image with `gaussian_weights`, `use_sample_covariance=False`", mean(scikit(**gaussian), pairs)),
            ("torchmetrics, which pads by reflection", mean(lambda x, y: torchmetrics_ssim(round_to_8_bits(x), y, data_range=1.0), pairs)),
            ("scikit-image by default: uniform window of 7 pixels", mean(scikit(), pairs)),
            ("the first one on luma, 2 pixels cropped (`ssim_y_crop2`)", mean(ssim_y(2), pairs)),
            ("the second one with `data_range=255` on images in [0, 1]", mean(scikit(**gaussian, data_range=255.0), pairs)),
        ],
        4,
    )  # fmt: skip
    assert abs(mean(psnr_y(0), pairs) - mean(lambda x, y: of_floats(luma(x), luma(y)), pairs)) < 1e-9


def distance(metric_of: Callable[[Features], object], predictions: Tensor, references: Tensor, prepare=lambda x: x) -> float:  # type: ignore[no-untyped-def]
    state = metric_of(random_features()).accumulator(CPU)  # type: ignore[attr-defined]
    state.update(prepare(predictions), prepare(references))
    return float(state.compute().value)


def frechet(features: Features):  # type: ignore[no-untyped-def]
    return frechet_distance(features, "frechet", "Fréchet")


def kernel(features: Features):  # type: ignore[no-untyped-def]
    return kernel_distance(features, "kernel", "KID")


def jpeg(images: Tensor, quality: int) -> Tensor:
    """Images as they come back from JPEG files."""
    decoded = []
    for image in to_uint8(images):
        file = io.BytesIO()
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "jpeg", quality=quality)
        decoded.append(torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1))
    return to_float(torch.stack(decoded))


def resized(antialias: bool) -> Callable[[Tensor], Tensor]:
    return lambda images: interpolate(images, (12, 12), mode="bilinear", antialias=antialias)


def distributions() -> None:
    patches = ImagePatches("patches", embedded("train"), size=32, stride=12)
    chosen = torch.randperm(len(patches), generator=generator("protocols"))[:8000].tolist()
    one, two = to_float(torch.stack([patches.example(index).target for index in chosen])).split(4000)
    noisy = (two + 0.05 * torch.randn(two.shape, generator=generator("noise"))).clamp(0, 1)
    rows = []
    for count in (100, 300, 1000, 4000):
        rows.append((f"{count:,} real patches against {count:,} others", distance(frechet, one[:count], two[:count])))
    rows += [
        ("1,000 noisy patches against 1,000 real ones", distance(frechet, noisy[:1000], one[:1000])),
        ("4,000 noisy patches against 4,000 real ones", distance(frechet, noisy, one)),
        ("the same references from JPEG files of quality 75", distance(frechet, two, jpeg(one, 75))),
        ("4,000 against 4,000, both resized to 12×12 without antialiasing", distance(frechet, noisy, one, resized(False))),
        ("the same, with antialiasing", distance(frechet, noisy, one, resized(True))),
    ]
    table("Fréchet distance in a fixed random network, patches of 32×32", rows, 4)
    rows = [
        (f"{count:,} real patches against {count:,} others", 1000 * distance(kernel, one[:count], two[:count]))
        for count in (100, 1000)
    ]
    rows.append(("1,000 noisy patches against 1,000 real ones", 1000 * distance(kernel, noisy[:1000], one[:1000])))
    table("1000 · KID in the same network", rows, 4)


def segmentation() -> None:
    """Label maps found at a quarter of the resolution, against the true ones."""
    maps = [shapes("heldout", (96, 128)).example(index).input[None] for index in range(20)]
    found = [interpolate(interpolate(x.float(), scale_factor=0.25), scale_factor=4.0).long() for x in maps]
    count = len(CLASSES)

    def score(metric, pairs: Iterable[tuple[Tensor, Tensor]]) -> float:  # type: ignore[no-untyped-def]
        state = metric.accumulator(CPU)
        for prediction, target in pairs:
            state.update(prediction, target)
        return float(state.compute().value)

    def edges(ids: Tensor) -> Tensor:
        largest = torch.nn.functional.max_pool2d(ids.float(), 5, 1, 2)
        smallest = -torch.nn.functional.max_pool2d(-ids.float(), 5, 1, 2)
        return torch.where(largest == smallest, ids, count)

    bilinear = [interpolate(x.float(), scale_factor=0.5, mode="bilinear").round().long() for x in maps]
    halved = [interpolate(x.float(), scale_factor=0.5, mode="nearest-exact").long() for x in found]
    nearest = [interpolate(x.float(), scale_factor=0.5, mode="nearest-exact").long() for x in maps]
    pairs = list(zip(found, maps, strict=True))
    table(
        "mIoU of the same label maps",
        [
            ("one confusion matrix of all pixels (`mean_iou`)", score(mean_iou(count), pairs)),
            ("mean of the mIoU of each image", statistics.fmean(score(mean_iou(count), [pair]) for pair in pairs)),
            ("2 pixels at every boundary labelled void and left out", score(mean_iou(count, count), [(x, edges(y)) for x, y in pairs])),
            ("void as a class of its own", score(mean_iou(count + 1), [(x, edges(y)) for x, y in pairs])),
            ("label maps halved by nearest neighbours", score(mean_iou(count), zip(halved, nearest, strict=True))),
            ("label maps halved bilinearly, which invents ids", score(mean_iou(count), zip(halved, bilinear, strict=True))),
            ("pixel accuracy", score(pixel_accuracy(count), pairs)),
        ],
        4,
    )  # fmt: skip


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    fidelity()
    distributions()
    segmentation()
