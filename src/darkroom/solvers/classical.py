"""Classical denoisers as baselines: `(noisy, sigma) -> clean`, the last three implemented by scikit-image and bm3d.

Images are `(channel, height, width)` in [0, 1]; σ is the true noise level in the image's units. At σ = 0 the image itself is returned.
"""

import importlib.util
from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.method import Example, Predict
from darkroom.solvers.denoiser import Denoiser

TV_WEIGHT_PER_SIGMA = 0.8
"""Weight of the total variation over the noise level; tuned by `benchmarks/tune_total_variation.py`."""

STEPS, CHANGE = 200, 2e-4
"""Of the total variation: iterations at most, and the share of the first energy below whose change they end."""


def unchanged(noisy: Float[Tensor, "channel height width"], sigma: float) -> Float[Tensor, "channel height width"]:
    """The noisy image itself."""
    return noisy


def total_variation(noisy: Float[Tensor, "channel height width"], sigma: float) -> Float[Tensor, "channel height width"]:
    """argmin_u ½‖u − y‖² + w TV(u) (Rudin, Osher, Fatemi 1992) by Chambolle's projection (2004).

    Example:
        >>> total_variation(torch.rand(1, 16, 16), sigma=0.1).shape
        torch.Size([1, 16, 16])
    """
    if not sigma:
        return noisy
    weight = TV_WEIGHT_PER_SIGMA * sigma
    return torch.stack([_least_variation(channel, weight) for channel in noisy.double()]).to(noisy)


def _least_variation(y: Float[Tensor, "height width"], weight: float) -> Float[Tensor, "height width"]:
    """u = y + div p, with p the fixed point of Chambolle's iteration with steps of τ = ¼, until the energy changes little."""
    dual = y.new_zeros(2, *y.shape)
    u, before, first = y, 0.0, 0.0
    for step in range(STEPS):
        correction = nn.functional.pad(dual[0, :-1], (0, 0, 1, 0)) + nn.functional.pad(dual[1, :, :-1], (1, 0)) - dual.sum(0)
        u = y + correction
        slope = torch.stack([u.diff(dim=0, append=u[-1:]), u.diff(dim=1, append=u[:, -1:])])
        length = slope.square().sum(0).sqrt()
        energy = float((correction.square().sum() + weight * length.sum()) / y.numel())
        if step and abs(before - energy) < CHANGE * first:
            break
        before, first = energy, first or energy
        dual = (dual - slope / 4) / (1 + length / (4 * weight))
    return u


def non_local_means(noisy: Float[Tensor, "channel height width"], sigma: float) -> Float[Tensor, "channel height width"]:
    """Non-local means (Buades, Coll, Morel 2005) in the fast mode: patches of 5×5, search window of 13×13, h = 0.6 σ."""
    from skimage.restoration import denoise_nl_means

    return _like(
        noisy,
        denoise_nl_means(
            _array(noisy), patch_size=5, patch_distance=6, h=0.6 * sigma, sigma=sigma, fast_mode=True, channel_axis=-1
        ),
    )


def wavelets(noisy: Float[Tensor, "channel height width"], sigma: float) -> Float[Tensor, "channel height width"]:
    """Soft thresholding of wavelet coefficients with BayesShrink (Chang, Yu, Vetterli 2000), averaged over shifts (cycle spinning)."""
    from skimage.restoration import cycle_spin, denoise_wavelet

    if not sigma:
        return noisy
    array = _array(noisy)
    options = {"sigma": sigma, "rescale_sigma": True, "convert2ycbcr": array.shape[-1] == 3, "channel_axis": -1}
    return _like(noisy, cycle_spin(array, func=denoise_wavelet, max_shifts=3, func_kw=options, channel_axis=-1, workers=1))


def bm3d(noisy: Float[Tensor, "channel height width"], sigma: float) -> Float[Tensor, "channel height width"]:
    """Block matching and 3D filtering (Dabov et al. 2007); for colour images in an opponent space. Requires the package `bm3d`.

    It runs in one thread: the package adds the blocks of several threads in the order in which they finish, and so results of more
    than two differ from run to run (by 1e-4 dB), and with the number of cores.
    """
    from bm3d import BM3DProfile
    from bm3d import bm3d as filter_grey
    from bm3d import bm3d_rgb as filter_colour

    if not sigma:
        return noisy
    profile, array = BM3DProfile(), _array(noisy)
    profile.num_threads = 1
    if array.shape[-1] == 3:
        return _like(noisy, filter_colour(array, sigma, profile))
    return _like(noisy, filter_grey(array[..., 0], sigma, profile)[..., None])


def available() -> Mapping[str, Denoiser]:
    """The classical denoisers that are installed, by the name that tables give them."""
    denoisers: dict[str, Denoiser] = {"noisy input": unchanged, "total variation": total_variation}
    if importlib.util.find_spec("skimage") and importlib.util.find_spec("pywt"):
        denoisers |= {"non-local means": non_local_means, "wavelets": wavelets}
    if importlib.util.find_spec("bm3d"):
        denoisers["BM3D"] = bm3d
    return denoisers


def with_noise_level(denoiser: Denoiser, sigma: float) -> Predict:
    """The denoiser as a predictor of batches, given the true noise level.

    Args:
        denoiser: the denoiser.
        sigma: σ on the 0–255 scale.
    """

    def predict(batch: Example) -> Tensor:
        return torch.stack([denoiser(image, sigma / 255) for image in batch.input])

    return predict


def baselines(sigma: float) -> dict[str, Predict]:
    """Every installed denoiser, given σ (0–255 scale), by the name that tables give it."""
    return {name: with_noise_level(denoiser, sigma) for name, denoiser in available().items()}


def _array(image: Tensor) -> np.ndarray:
    return np.ascontiguousarray(image.permute(1, 2, 0).double().cpu().numpy())


def _like(image: Tensor, array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.atleast_3d(array).astype(np.float32)).permute(2, 0, 1).contiguous().to(image.device)
