"""A trained network made ready for images of any size: fused, fast where that is safe, and tiled."""

import copy
import itertools
import math
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from darkroom.core.errors import DarkroomError
from darkroom.core.images import to_float
from darkroom.core.network import RestorationNetwork
from darkroom.core.randomness import generator
from darkroom.data.embedded import embedded
from darkroom.layers.cells import whole_cells
from darkroom.layers.projection import Projection
from darkroom.metrics.fidelity import psnr
from darkroom.networks.projected import Projected
from darkroom.operators.noise import Gaussian
from darkroom.solvers.noise_level import noise_level

Precision = Literal["auto", "32", "bf16"]

TOLERANCE_DB = 0.02
"""bfloat16 is used only where it moves the PSNR of the self-check by less than this."""

CHECKED_SIGMAS = (10.0, 25.0, 50.0)
"""Noise levels of the self-check where none is given."""


FARTHEST = 64
"""The widest margin that tiles are given, in pixels of the input."""


class Restorer:
    """Runs a network over images of any size within a memory budget.

    The network is copied, batch normalisations are folded into the convolutions before them, weights and
    images are laid out channels-last, and bfloat16 arithmetic is used where the hardware has it and a
    self-check on these very weights finds the PSNR moved by less than `TOLERANCE_DB`. An image is cut
    into tiles with a margin as wide as the receptive field reaches (`network.halo`), so that a
    convolutional network gives exactly what it would give for the whole image at once. The projection of a network that
    is told the level (`networks.projected`) is done once, over the whole image.

    A network that reaches farther than `FARTHEST` pixels is given that margin, and then its tiles differ a little
    from the whole image; where they meet, neighbours fade into each other over the inner half of their margins. One
    that looks at images in cells (`network.grid`) is given whole cells, the image being continued by reflection, and
    tiles begin on them.

    Args:
        network: any network that says how far it sees.
        device: where to run.
        memory: bytes that the network's activations may take.
        precision: "32", "bf16", or "auto" for bf16 after the self-check.
        sigma: the noise level (0–255 scale) that a non-blind network is told; by default it is estimated for every image.
    """

    def __init__(
        self,
        network: RestorationNetwork,
        *,
        device: torch.device | None = None,
        memory: int = 512 << 20,
        precision: Precision = "auto",
        sigma: float | None = None,
    ) -> None:
        self.device = device or torch.device("cpu")
        self.channels, self.scale, self.grid = network.channels, network.scale, network.grid
        self.halo = -(-min(network.halo, FARTHEST) // self.grid) * self.grid
        self.feather = self.halo // 2 if network.halo > self.halo else 0
        self.noise_conditional, self.sigma = network.noise_conditional, sigma
        self.projection: Projection | None = None
        if isinstance(network, Projected):  # its norm is the whole image's, and no tile's
            self.projection = copy.deepcopy(network.projection).requires_grad_(False)
            network = network.network
        self.noise_conditional = network.noise_conditional
        self.network = fused(network).to(device=self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.bf16, self.difference, self.remark = False, 0.0, ""
        if precision == "bf16" or (precision == "auto" and has_fast_bf16(self.device)):
            self.difference = self._self_check(sigma)
            self.bf16 = precision == "bf16" or self.difference < TOLERANCE_DB
        self.tile = self._tile_within(memory)

    def __call__(
        self,
        image: Float[Tensor, "channel height width"],
        progress: Callable[[int, int], None] = lambda done, total: None,
        *,
        sigma: float | None = None,
    ) -> Float[Tensor, "channel height2 width2"]:
        """Restore one image, grey or RGB, in [0, 1]; grey stays grey. `sigma` is told in place of the restorer's own.

        A grey image is shown to a colour network as three equal channels and the answers are averaged;
        a colour image is shown to a grey network one channel at a time.
        """
        given, wanted = len(image), self.channels
        level = sigma if sigma is not None and self.noise_conditional else self.level_of(image)
        if given == wanted:
            return self._tiled(image, level, progress)
        if given == 1:
            return self._tiled(image.expand(wanted, -1, -1), level, progress).mean(0, keepdim=True)
        return torch.cat([self._tiled(channel[None], level, progress) for channel in image])

    def level_of(self, image: Float[Tensor, "channel height width"]) -> float | None:
        """What a non-blind network is told of this image, 0–255 scale; None for one that is told nothing."""
        if not self.noise_conditional:
            return None
        return self.sigma if self.sigma is not None else 255 * noise_level(image)

    def _tiled(self, image: Tensor, level: float | None, progress: Callable[[int, int], None]) -> Tensor:
        asked_height, asked_width = image.shape[1:]
        image = whole_cells(image[None], self.grid)[0]
        height, width = image.shape[1:]
        answer = torch.zeros(self.channels, height * self.scale, width * self.scale)
        cuts = list(tiles(height, width, self.tile, self.halo, self.grid))
        s, f = self.scale, self.feather
        for done, cut in enumerate(cuts, 1):
            seen = image[:, cut.top - cut.above : cut.bottom + cut.below, cut.left - cut.before : cut.right + cut.after]
            restored = self._run(seen[None], level)[0]
            above, below, before, after = (min(f, margin) for margin in cut[4:])
            inner = restored[
                :,
                (cut.above - above) * s : (cut.above + cut.bottom - cut.top + below) * s,
                (cut.before - before) * s : (cut.before + cut.right - cut.left + after) * s,
            ]
            place = answer[
                :, (cut.top - above) * s : (cut.bottom + below) * s, (cut.left - before) * s : (cut.right + after) * s
            ]
            place += _ramp(inner.shape[1], above * s, below * s)[:, None] * _ramp(inner.shape[2], before * s, after * s) * inner
            progress(done, len(cuts))
        if self.projection is not None and level is not None:
            answer = self.projection.cpu()(answer[None], image[None], torch.tensor([level / 255]))[0]
        return answer[:, : asked_height * s, : asked_width * s]

    @torch.inference_mode()
    def _run(self, batch: Tensor, level: float | None) -> Tensor:
        batch = batch.to(self.device).contiguous(memory_format=torch.channels_last)
        told = (
            (torch.full((len(batch),), level / 255, device=self.device),)
            if self.noise_conditional and level is not None
            else ()
        )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            answer = self.network(batch, *told)
        return answer.float().cpu()

    def _self_check(self, sigma: float | None) -> float:
        """The largest change of PSNR that bfloat16 makes on a noisy piece of a photograph."""
        clean = to_float(embedded("heldout", grey=self.channels == 1)[0][:, 150 : 150 + 96, 180 : 180 + 96])
        source = clean if self.scale == 1 else nn.functional.avg_pool2d(clean, self.scale)
        largest = 0.0
        for level in (sigma,) if sigma is not None else CHECKED_SIGMAS if self.scale == 1 else (0.0,):
            noisy = Gaussian(level)(source, generator("self-check"))[0][None]
            scores = []
            for self.bf16 in (False, True):
                scores.append(psnr.compute(self._run(noisy, level), clean[None]).item())
            largest = max(largest, abs(scores[0] - scores[1]))
        self.bf16 = False
        return largest if math.isfinite(largest) else math.inf

    def _tile_within(self, memory: int) -> int:
        """The largest tile (without its margin) whose activations stay within `memory` bytes."""
        bytes_per_pixel = self._bytes_per_pixel()
        side = (int(math.sqrt(memory / bytes_per_pixel)) - 2 * self.halo) // self.grid * self.grid
        smallest = -(-max(16, self.halo) // self.grid) * self.grid
        if side < smallest:
            needed = (smallest + 2 * self.halo) ** 2 * bytes_per_pixel / 2**20
            raise DarkroomError(
                f"--memory {memory >> 20} MiB is too little for this network: it needs at least {needed:.0f} MiB"
            )
        return side

    def _bytes_per_pixel(self) -> float:
        """Measured on a small image: the most that is held at one time, and a quarter more for the work itself."""
        side = -(-(64 + self.halo) // self.grid) * self.grid
        with _PeakMemory() as watch:
            self._run(torch.zeros(1, self.channels, side, side), 25.0)
        return 1.25 * watch.most / side**2


class _PeakMemory(TorchDispatchMode):
    """Watches how many bytes the tensors made under it hold together, at most."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self.held: set[int] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        answer = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(answer):
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                key, size = storage._cdata, storage.nbytes()
                if key not in self.held:
                    self.held.add(key)
                    self.now += size
                    weakref.finalize(storage, self._freed, key, size)
        self.most = max(self.most, self.now)
        return answer

    def _freed(self, key: int, size: int) -> None:
        self.held.discard(key)
        self.now -= size


class Cut(NamedTuple):
    """A tile `[top, bottom) × [left, right)` and how far its margin reaches beyond it on each side."""

    top: int
    bottom: int
    left: int
    right: int
    above: int
    below: int
    before: int
    after: int


def tiles(height: int, width: int, tile: int, halo: int, grid: int = 1) -> Iterator[Cut]:
    """Cut an image into near-equal tiles of at most `tile` pixels a side, with margins inside the image.

    Tiles begin on multiples of `grid`, which must divide `tile` and `halo`.
    """
    for (top, bottom), (left, right) in itertools.product(_spans(height, tile, grid), _spans(width, tile, grid)):
        yield Cut(
            top, bottom, left, right, min(halo, top), min(halo, height - bottom), min(halo, left), min(halo, width - right)
        )


def _ramp(length: int, first: int, last: int) -> Float[Tensor, " length"]:
    """1, rising from 0 over the first 2·`first` places and falling to 0 over the last 2·`last`; neighbours add up to 1."""
    ramp = torch.ones(length)
    if first:
        ramp[: 2 * first] = (torch.arange(2 * first) + 0.5) / (2 * first)
    if last:
        ramp[length - 2 * last :] *= ((torch.arange(2 * last) + 0.5) / (2 * last)).flip(0)
    return ramp


def _spans(length: int, tile: int, grid: int) -> list[tuple[int, int]]:
    cells = -(-length // grid)
    pieces = -(-cells // (tile // grid))
    edges = [min(length, grid * (cells * piece // pieces)) for piece in range(pieces + 1)]
    return list(itertools.pairwise(edges))


def fused(network: RestorationNetwork) -> RestorationNetwork:
    """A copy for inference, every batch normalisation folded into the convolution right before it."""
    network = copy.deepcopy(network).eval().requires_grad_(False)
    for stack in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        for index, (layer, following) in enumerate(itertools.pairwise(list(stack))):
            if isinstance(layer, nn.Conv2d) and isinstance(following, nn.BatchNorm2d):
                stack[index] = fuse_conv_bn_eval(layer, following)
                stack[index + 1] = nn.Identity()
    return network


def has_fast_bf16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 natively."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False
