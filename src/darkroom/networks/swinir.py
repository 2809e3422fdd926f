"""SwinIR: Image Restoration Using Swin Transformer (Liang, Cao, Sun, Zhang, Van Gool, Timofte 2021)."""

import itertools
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from darkroom.core.errors import DarkroomError
from darkroom.core.network import RestorationNetwork
from darkroom.layers.cells import whole_cells

Head = Literal["denoising", "classical", "lightweight"]

RGB_MEAN = (0.4488, 0.4371, 0.4040)
"""Subtracted from colour images: the mean of DIV2K."""

WINDOWS_AT_ONCE = 32
"""How many windows a layer works on at a time where no gradient is wanted."""

_FEATURES = 64
"""Of the classical head, between body and pixel shuffle."""


class SwinIR(RestorationNetwork):
    """A convolution, groups of transformer layers that attend within windows, a convolution, and a head.

    Every other layer's windows lie half a window further, so that neighbours meet. With F₀ = conv(x):

        F_i = conv(STL_L(… STL_1(F_{i−1}))) + F_{i−1}                   a residual group
        z ← z + MSA(LN(z)),   z ← z + MLP(LN(z))                        a layer, in windows of 8×8
        attention(Q, K, V) = softmax(QKᵀ/√d + B) V,  B by relative position

    Parameters bear the names of the public checkpoints, which load as they are. Images of any size: they are continued
    by reflection to whole windows (an image too small for that, by repetition).

    Pixels stay in memory window by window through a whole group, so that a shift is one gathering of rows and nothing else
    is moved; windows that a shift has put together from both ends of the image come last, and they alone are masked.

    Args:
        channels: 1 for grey, 3 for RGB.
        head: "denoising" (the answer is x plus a convolution), "classical" or "lightweight" super-resolution.
        scale: how many times the super-resolution heads enlarge.
        width: features; 180, and 60 for the lightweight.
        depths: layers of each group; 6 in each of 6 groups, 4 for the lightweight.
        heads: of the attention, in every group.
        window: its side in pixels; 7 in the public networks for JPEG.
        growth: features of the MLP over `width`.
        value_range: images are multiplied by it on the way in and divided on the way out; 255 for JPEG.

    Source: Liang et al. 2021, sections 3.1–3.2; Liu et al. 2021 (Swin).
    """

    def __init__(
        self,
        channels: int = 3,
        head: Head = "denoising",
        scale: int = 1,
        *,
        width: int = 180,
        depths: Sequence[int] = (6,) * 6,
        heads: int = 6,
        window: int = 8,
        growth: float = 2.0,
        value_range: float = 1.0,
    ) -> None:
        super().__init__()
        if width % heads:
            raise DarkroomError(f"{heads} heads cannot share {width} features equally: choose --width a multiple of --heads")
        if (head == "denoising") != (scale == 1) or (head == "classical" and scale not in (2, 3, 4, 8)):
            raise DarkroomError(f"SwinIR's {head} head cannot enlarge {scale} times")
        self.channels, self.head, self.scale, self.grid = channels, head, scale, window
        self.value_range = value_range
        # A layer looks one window far, a shifted one as well; convolutions one pixel.
        self.halo = sum(depths) * window + len(depths) + 4
        self.conv_first = nn.Conv2d(channels, width, 3, padding=1)
        self.patch_embed = nn.ModuleDict({"norm": nn.LayerNorm(width)})
        self.layers = nn.ModuleList(ResidualGroup(width, depth, heads, window, growth) for depth in depths)
        self.norm = nn.LayerNorm(width)
        self.conv_after_body = nn.Conv2d(width, width, 3, padding=1)
        if head == "classical":
            self.conv_before_upsample = nn.Sequential(nn.Conv2d(width, _FEATURES, 3, padding=1), nn.LeakyReLU(inplace=True))
            self.upsample = nn.Sequential(*_pixel_shuffles(scale))
        if head == "lightweight":
            self.upsample = nn.Sequential(nn.Conv2d(width, channels * scale**2, 3, padding=1), nn.PixelShuffle(scale))
        else:
            self.conv_last = nn.Conv2d(_FEATURES if head == "classical" else width, channels, 3, padding=1)
        mean = RGB_MEAN if channels == 3 else (0.0,) * channels
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.mean: Tensor

    def initialise(self, generator: torch.Generator) -> "SwinIR":
        """Draw the weights anew: normal of deviation 0.02 for linear layers and position biases, cut at ±2, uniform in
        ±1/√(fan in) for convolutions. A denoiser's last convolution starts at zero, so that it starts from x. Returns the
        network.
        """
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02, generator=generator)
                nn.init.zeros_(module.bias)
            elif isinstance(module, WindowAttention):
                nn.init.trunc_normal_(module.relative_position_bias_table, std=0.02, generator=generator)
            elif isinstance(module, nn.Conv2d):
                bound = module.weight[0].numel() ** -0.5
                nn.init.uniform_(module.weight, -bound, bound, generator=generator)
                if module.bias is not None:
                    nn.init.uniform_(module.bias, -bound, bound, generator=generator)
        if self.head == "denoising":
            nn.init.zeros_(self.conv_last.weight)
            nn.init.zeros_(self.conv_last.bias)  # type: ignore[arg-type]
        return self

    def forward(
        self, image: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel out_height out_width"]:
        """Restore; `image` in [0, 1], the answer not clipped.

        Raises:
            DarkroomError: the channels do not fit.
        """
        if image.shape[1] != self.channels:
            raise DarkroomError(f"this SwinIR takes {self.channels} channel(s), the image has {image.shape[1]}")
        height, width = image.shape[-2:]
        mean = self.mean.view(-1, 1, 1)
        x = (whole_cells(image, self.grid) - mean) * self.value_range
        shallow = self.conv_first(x.contiguous(memory_format=torch.channels_last))
        features = self.conv_after_body(self._body(shallow)) + shallow
        if self.head == "denoising":
            answer = x + self.conv_last(features)
        elif self.head == "classical":
            answer = self.conv_last(self.upsample(self.conv_before_upsample(features)))
        else:
            answer = self.upsample(features)
        answer = answer / self.value_range + mean
        return answer[..., : height * self.scale, : width * self.scale]

    def _body(self, x: Tensor) -> Tensor:
        batch, width, rows, columns = x.shape
        order = orders(batch, rows, columns, self.grid, str(x.device))
        tokens = self.patch_embed["norm"](x.permute(0, 2, 3, 1).reshape(-1, width))
        for group in self.layers:
            tokens = group(tokens, order, (batch, rows, columns))
        return _as_image(self.norm(tokens), (batch, rows, columns))

    @classmethod
    def from_foreign(cls, state: Mapping[str, Tensor]) -> "SwinIR | None":
        """Build the network that a public SwinIR checkpoint describes, or None if it is none, or one with another head."""
        table = state.get("layers.0.residual_group.blocks.0.attn.relative_position_bias_table")
        if table is None or "conv_first.weight" not in state or "conv_up1.weight" in state:
            return None
        if any(name.startswith("absolute_pos_embed") for name in state) or "conv_after_body.weight" not in state:
            return None
        width, channels = state["conv_first.weight"].shape[:2]
        window = (math.isqrt(len(table)) + 1) // 2
        head: Head = "denoising"
        scale = 1
        if "conv_before_upsample.0.weight" in state:
            head = "classical"
            steps = [tensor for name, tensor in state.items() if name.startswith("upsample.") and name.endswith("weight")]
            scale = math.prod(math.isqrt(len(step) // _FEATURES) for step in steps)
        elif "upsample.0.weight" in state:
            head, scale = "lightweight", math.isqrt(len(state["upsample.0.weight"]) // channels)
        hidden = len(state["layers.0.residual_group.blocks.0.mlp.fc1.weight"])
        network = cls(
            channels,
            head,
            scale,
            width=width,
            depths=_depths(state),
            heads=table.shape[1],
            window=window,
            growth=hidden / width,
            value_range=255.0 if window == 7 else 1.0,
        )
        derived = ("relative_position_index", "attn_mask")  # what public checkpoints hold besides, and any network computes
        found = {name: tensor for name, tensor in state.items() if not name.endswith(derived) and name != "mean"}
        own = network.state_dict()
        if own.keys() != found.keys() or any(own[name].shape != tensor.shape for name, tensor in found.items()):
            return None
        network.load_state_dict(found)
        return network


class ResidualGroup(nn.Module):
    """RSTB: layers, then a convolution, with a residual around all (section 3.1)."""

    def __init__(self, width: int, depth: int, heads: int, window: int, growth: float) -> None:
        super().__init__()
        blocks = nn.ModuleList(Layer(width, heads, window, growth) for _ in range(depth))
        self.residual_group = nn.ModuleDict({"blocks": blocks})
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    @property
    def blocks(self) -> nn.ModuleList:
        return self.residual_group["blocks"]  # type: ignore[return-value]

    def forward(self, tokens: Tensor, order: "Orders", size: tuple[int, int, int]) -> Tensor:
        """Tokens `(batch · height · width, features)`, row by row of the image; so is the answer."""
        x = tokens
        for number in range(len(self.blocks)):
            gather = order.windows if number == 0 else order.shift if number % 2 else order.unshift
            x = _by_pieces(self.blocks[number], x, gather, order, shifted=bool(number % 2))
        x = _gathered(x if len(self.blocks) % 2 else _gathered(x, order.unshift), order.rows)
        convolved = self.conv(_as_image(x, size))
        return convolved.permute(0, 2, 3, 1).reshape(tokens.shape) + tokens


class Layer(nn.Module):
    """STL: attention within windows, then an MLP, each behind a normalisation and with a residual (equation 4)."""

    def __init__(self, width: int, heads: int, window: int, growth: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = WindowAttention(width, heads, window)
        hidden = int(width * growth)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, hidden), "fc2": nn.Linear(hidden, width)})

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Tokens `(pixels, features)` of any windows, one after another; `mask` is added to their attention."""
        x = x + self.attn(self.norm1(x), mask)
        return x + _linear(self.mlp["fc2"], nn.functional.gelu(_linear(self.mlp["fc1"], self.norm2(x))))


class WindowAttention(nn.Module):
    """Multi-head self-attention within windows, with a learned bias for every relative position."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.register_buffer("relative_position_index", _relative_positions(window), persistent=False)
        self.relative_position_index: Tensor

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        pixels = self.window**2
        qkv = _linear(self.qkv, x).view(-1, pixels, 3, self.heads, x.shape[-1] // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        bias = self.relative_position_bias_table[self.relative_position_index.flatten()]
        bias = bias.view(1, pixels, pixels, -1).permute(0, 3, 1, 2).to(q.dtype)
        if mask is not None:
            bias = bias + mask.to(bias)[:, None]
        answer = nn.functional.scaled_dot_product_attention(q, k, v, bias)
        return _linear(self.proj, answer.transpose(1, 2).reshape(x.shape))


class Orders(NamedTuple):
    """How pixels are gathered for windows; the first four number the rows of `(batch · height · width, …)`.

    Args:
        windows: from rows of the image to windows.
        rows: and back.
        shift: from windows to shifted windows, those that were put together from two ends of the image last.
        unshift: and back.
        mask: −100 between pixels that are no neighbours, for each of the last shifted windows, `(windows, pixels, pixels)`.
        unmasked: number of shifted windows before them.
        pixels: of a window.
    """

    windows: "Permutation"
    rows: "Permutation"
    shift: "Permutation"
    unshift: "Permutation"
    mask: Tensor
    unmasked: int
    pixels: int


class Permutation(NamedTuple):
    """A reordering of rows, and its inverse."""

    forward: Tensor
    backward: Tensor

    def inverse(self) -> "Permutation":
        return Permutation(self.backward, self.forward)


@lru_cache(maxsize=8)
def orders(batch: int, height: int, width: int, window: int, device: str) -> Orders:
    """The orders of pixels for a batch of images of this size; computed once for each size, not at every call."""
    half = window // 2
    numbers = torch.arange(batch * height * width).view(batch, height, width)
    regions = torch.zeros(height, width, dtype=torch.long)
    for down, rows in enumerate((slice(0, -window), slice(-window, -half), slice(-half, None))):
        for right, columns in enumerate((slice(0, -window), slice(-window, -half), slice(-half, None))):
            regions[rows, columns] = 3 * down + right
    straight = _partitioned(numbers, window)
    moved = _partitioned(numbers.roll((-half, -half), (1, 2)), window)
    parts = _partitioned(regions[None], window).repeat(batch, 1)
    apart = parts[:, None, :] != parts[:, :, None]
    split = apart.flatten(1).any(1)
    moved = torch.cat([moved[~split], moved[split]]).flatten()
    windows = _permutation(straight.flatten())
    shift = _permutation(windows.backward[moved])
    mask = torch.where(apart[split], -100.0, 0.0)
    on = [Permutation(p.forward.to(device), p.backward.to(device)) for p in (windows, shift)]
    return Orders(on[0], on[0].inverse(), on[1], on[1].inverse(), mask.to(device), int((~split).sum()), window**2)


def _partitioned(images: Tensor, window: int) -> Tensor:
    """`(batch, height, width)` to `(batch · windows, pixels of a window)`."""
    batch, height, width = images.shape
    cells = images.view(batch, height // window, window, width // window, window).transpose(2, 3)
    return cells.reshape(-1, window**2)


def _permutation(forward: Tensor) -> Permutation:
    backward = torch.empty_like(forward)
    backward[forward] = torch.arange(len(forward))
    return Permutation(forward, backward)


class _Gather(torch.autograd.Function):
    """Rows in another order; backwards they are gathered too, where autograd would scatter."""

    @staticmethod
    def forward(context: Any, x: Tensor, forward: Tensor, backward: Tensor) -> Tensor:
        context.save_for_backward(backward)
        return x.index_select(0, forward)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        return gradient.contiguous().index_select(0, context.saved_tensors[0]), None, None


def _gathered(x: Tensor, order: Permutation) -> Tensor:
    return _Gather.apply(x, order.forward, order.backward)  # type: ignore[no-any-return]


def _by_pieces(layer: nn.Module, x: Tensor, gather: Permutation, order: Orders, *, shifted: bool) -> Tensor:
    """A layer over all windows, gathered first. Without gradients it goes a few windows at a time, which stay in the cache."""
    windows, whole = len(x) // order.pixels, torch.is_grad_enabled()
    inner = order.unmasked if shifted else windows
    some = windows if whole else WINDOWS_AT_ONCE
    edges = sorted({*range(0, inner, some), *range(inner, windows, some), windows})
    x = _gathered(x, gather) if whole else x
    answers = []
    for begin, end in itertools.pairwise(edges):
        rows = slice(begin * order.pixels, end * order.pixels)
        seen = x[rows] if whole else x.index_select(0, gather.forward[rows])
        answers.append(layer(seen, order.mask[begin - inner : end - inner] if shifted and begin >= inner else None))
    return torch.cat(answers) if len(answers) > 1 else answers[0]


def _linear(layer: nn.Module, x: Tensor) -> Tensor:
    """W x + b; as two steps it is faster on CPUs, where the library copies b into every row first."""
    return (x @ layer.weight.t()).add_(layer.bias)  # type: ignore[operator,arg-type]


def _as_image(tokens: Tensor, size: tuple[int, int, int]) -> Tensor:
    """Tokens row by row as `(batch, features, height, width)`, without moving anything."""
    return tokens.view(*size, tokens.shape[-1]).permute(0, 3, 1, 2)


def _relative_positions(window: int) -> Tensor:
    """For every two pixels of a window, the number of their relative position, `(pixels, pixels)`."""
    places = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")).flatten(1)
    apart = places[:, :, None] - places[:, None, :] + window - 1
    return apart[0] * (2 * window - 1) + apart[1]


def _pixel_shuffles(scale: int) -> list[nn.Module]:
    factors = [3] if scale == 3 else [2] * (scale.bit_length() - 1)
    return [
        module
        for factor in factors
        for module in (nn.Conv2d(_FEATURES, _FEATURES * factor**2, 3, padding=1), nn.PixelShuffle(factor))
    ]


def _depths(state: Mapping[str, Tensor]) -> tuple[int, ...]:
    counts: dict[int, int] = {}
    for name in state:
        parts = name.split(".")
        if parts[0] == "layers" and parts[2:4] == ["residual_group", "blocks"]:
            counts[int(parts[1])] = max(counts.get(int(parts[1]), 0), int(parts[4]) + 1)
    return tuple(counts[group] for group in sorted(counts))
