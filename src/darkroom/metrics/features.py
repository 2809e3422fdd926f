"""The features in which sets of images are compared: of FID's Inception, of any network, or of a fixed random one."""

import hashlib
import importlib.util
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core import torch_files
from darkroom.core.errors import DarkroomError
from darkroom.core.extras import install
from darkroom.core.images import round_to_8_bits, to_uint8
from darkroom.core.pretrained import INCEPTION, sha256
from darkroom.core.randomness import generator

Images = Float[Tensor, "batch channel height width"]

DIGITS = 8
"""Of a digest, in words."""


@dataclass(frozen=True)
class Features:
    """A network whose outputs are compared, and everything that a distance in them depends on.

    Args:
        title: of the network, for definitions.
        network: makes the network when an evaluation begins: images `(batch, channel, height, width)`, float in [0, 1] and
            rounded to 8 bits, to features `(batch, features)`.
        requires: what is required and missing, in words.
        digest: of the weights; by default that of the network's own state, "" if it has none.
        resizer: how images are resized, in words; "" where they are not: then both sets have to be of the same sizes.
    """

    title: str
    network: Callable[[], nn.Module]
    requires: Callable[[], str] = str
    digest: Callable[[], str] | None = None
    resizer: str = ""

    def weights_digest(self) -> str:
        """The digest of the weights."""
        return self.digest() if self.digest is not None else state_digest(self.network().state_dict())

    def protocol(self) -> str:
        """Network, digest of its weights, and resizing, in words: equal words, equal features.

        Example:
            >>> Features("the pixels", nn.Flatten).protocol()
            'features of the pixels, images at their own size'
        """
        digest = self.weights_digest()
        named = f"{self.title} (weights {digest[:DIGITS]})" if digest else self.title
        return f"features of {named}, images {self.resizer or 'at their own size'}"

    def load(self, device: torch.device) -> "Extractor":
        """The network on a device, in evaluation mode; loaded once.

        Raises:
            DarkroomError: what it requires is missing; nothing is downloaded here.
        """
        if missing := self.requires():
            raise DarkroomError(missing)
        return _loaded(self, self.weights_digest(), device)


class Extractor:
    """Images to features in float64; of the last two batches they are kept, so that several metrics share them.

    Args:
        network: see `Features`.
        device: to compute on.
    """

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        self.network, self.device = network.to(device).eval(), device
        self._last: list[tuple[Tensor, Tensor]] = []

    @torch.no_grad()
    def __call__(self, images: Images) -> Float[Tensor, "batch features"]:
        """The features; nan for an image that is not finite."""
        for seen, features in self._last:
            if seen.shape == images.shape and torch.equal(seen, images):
                return features
        features = self.network(round_to_8_bits(images.to(self.device))).double()
        finite = images.isfinite().flatten(1).all(1).to(self.device)
        features = torch.where(finite[:, None], features, torch.nan)
        self._last = [*self._last[-1:], (images.clone(), features)]
        return features


@lru_cache(maxsize=2)
def _loaded(features: Features, digest: str, device: torch.device) -> Extractor:
    return Extractor(features.network(), device)


def state_digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 of the names, types, shapes and values of tensors; "" where there are none."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest() if state else ""


@lru_cache
def inception_features(path: Path | None = None, *, published: bool = True) -> Features:
    """The 2048 pooled features of FID's Inception v3, images resized to 299x299 by TensorFlow 1's bilinear interpolation.

    Args:
        path: a file with its weights; None for the one in PyTorch's cache.
        published: whether a file with other weights is refused. Otherwise it is allowed, and a distance in it is no FID.
    """
    return Features(
        "Inception v3 (pooled)",
        _Inception(path),
        lambda: _missing_inception(path, published),
        lambda: INCEPTION.digest if path is None else sha256(path),
        "resized to 299x299 by TensorFlow 1's bilinear interpolation, without antialiasing",
    )


def find_inception(path: Path | None = None) -> None:
    """Make sure that FID's Inception is there; download it into PyTorch's cache if no file is given and it is not there.

    Raises:
        DarkroomError: the package torch-fidelity is not installed, the weights could not be downloaded, or the given file is
            not there, or holds others.
    """
    if importlib.util.find_spec("torch_fidelity"):
        INCEPTION.find(path)
    if missing := _missing_inception(path, published=True):
        raise DarkroomError(missing)


def _missing_inception(path: Path | None, published: bool) -> str:
    if not importlib.util.find_spec("torch_fidelity"):
        return f"the package torch-fidelity is not installed: {install('fid')}"
    if path is None:
        return INCEPTION.missing()
    if not path.is_file():
        return f"no weights of {INCEPTION.title} at {path}"
    return INCEPTION.fault(path) if published else ""


@dataclass(frozen=True)
class _Inception:
    """Makes FID's Inception v3: 8-bit RGB images of any size to 2048 features.

    torch-fidelity unpickles the file that it is given; so it is given what `torch_files` read, which executes nothing.
    """

    path: Path | None

    def __call__(self) -> nn.Module:
        from torchmetrics.image.fid import NoTrainInceptionV3  # slow to import

        path = INCEPTION.find(self.path)
        read: Any = io.BytesIO()  # where torch-fidelity expects a path; torch.load takes both
        torch.save(torch_files.load(path), read)
        read.seek(0)
        try:
            network = NoTrainInceptionV3("inception-v3-compat", ["2048"], read, antialias=False)
        except RuntimeError as error:
            raise DarkroomError(f"{path} does not hold the weights of {INCEPTION.title}: {_first_line(error)}") from error
        return _OfBytes(network)


class _OfBytes(nn.Module):
    """A network that takes RGB images as uint8."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Images) -> Float[Tensor, "batch features"]:
        return self.network(to_uint8(images).expand(-1, 3, -1, -1))


def random_features() -> Features:
    """Features of a convolutional network with fixed random weights: a stand-in that needs no download and no training.

    A distance in them tells distributions of colours and textures apart, and knows nothing of objects. It serves to compare the
    rows of one table, on images of one size.
    """
    return Features("a fixed network of random convolutions", RandomConvolutions)


class RandomConvolutions(nn.Module):
    """Mean and deviation of each channel after each of three convolutions with stride 2 and fixed random weights.

    Grey images are taken as RGB with equal channels.
    """

    WIDTHS = (3, 16, 32, 64)

    def __init__(self) -> None:
        super().__init__()
        layers = [
            nn.Conv2d(before, after, 5, stride=2, padding=2, padding_mode="replicate")
            for before, after in zip(self.WIDTHS, self.WIDTHS[1:], strict=False)
        ]
        random = generator(0, "random features")
        for layer in layers:
            fan_in = layer.weight[0].numel()
            layer.weight.data = torch.randn(layer.weight.shape, generator=random) * (2 / fan_in) ** 0.5
            layer.bias = nn.Parameter(torch.randn(len(layer.weight), generator=random) * 0.1)
        self.layers = nn.ModuleList(layers).requires_grad_(False)

    def forward(self, images: Images) -> Float[Tensor, "batch features"]:
        x, features = 2 * images.expand(-1, 3, -1, -1) - 1, []
        for layer in self.layers:
            x = nn.functional.leaky_relu(layer(x), 0.2)
            features += [x.mean((2, 3)), x.std((2, 3), correction=0)]
        return torch.cat(features, 1)


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120]
