"""Building blocks of SwinIR: window attention, transformer layers, and residual groups of them."""

import itertools

import torch
from torch import Tensor, nn

from darkroom.networks.swin_windows import Permutation, WindowOrder, permute_rows

WINDOWS_AT_ONCE = 32
"""Windows that a layer processes at once where no gradient is required, so that intermediate results stay in the CPU's cache."""


class ResidualGroup(nn.Module):
    """RSTB: transformer layers, then a convolution, with a residual around all (section 3.1).

    Args:
        width: features.
        depth: layers.
        heads: of the attention.
        window_size: side of a window in pixels.
        mlp_ratio: features of the MLP over `width`.
    """

    def __init__(self, width: int, depth: int, heads: int, window_size: int, mlp_ratio: float) -> None:
        super().__init__()
        blocks = nn.ModuleList(Layer(width, heads, window_size, mlp_ratio) for _ in range(depth))
        self.residual_group = nn.ModuleDict({"blocks": blocks})
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    @property
    def blocks(self) -> nn.ModuleList:
        """The transformer layers."""
        return self.residual_group["blocks"]  # type: ignore[return-value]

    def forward(self, tokens: Tensor, order: WindowOrder, size: tuple[int, int, int]) -> Tensor:
        """Transform tokens `(batch · height · width, features)` in raster order; `size` is (batch, height, width)."""
        x = tokens
        for number in range(len(self.blocks)):
            permutation = order.windows if number == 0 else order.shift if number % 2 else order.unshift
            x = _layer_in_chunks(self.blocks[number], x, permutation, order, shifted=bool(number % 2))
        x = permute_rows(x if len(self.blocks) % 2 else permute_rows(x, order.unshift), order.raster)
        convolved = self.conv(as_image(x, size))
        return convolved.permute(0, 2, 3, 1).reshape(tokens.shape) + tokens


class Layer(nn.Module):
    """STL: window attention, then an MLP, each after layer normalisation and with a residual (equation 4)."""

    def __init__(self, width: int, heads: int, window_size: int, mlp_ratio: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = WindowAttention(width, heads, window_size)
        hidden = int(width * mlp_ratio)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, hidden), "fc2": nn.Linear(hidden, width)})

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Transform tokens `(windows · pixels, features)` in window order; `mask` is added to the attention's logits."""
        x = x + self.attn(self.norm1(x), mask)
        return x + _linear(self.mlp["fc2"], nn.functional.gelu(_linear(self.mlp["fc1"], self.norm2(x))))


class WindowAttention(nn.Module):
    """Multi-head self-attention within windows, with a learned bias for every relative position."""

    def __init__(self, width: int, heads: int, window_size: int) -> None:
        super().__init__()
        self.heads, self.window_size = heads, window_size
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window_size - 1) ** 2, heads))
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.register_buffer("relative_position_index", _relative_positions(window_size), persistent=False)
        self.relative_position_index: Tensor

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Attend; tokens and mask as in `Layer`."""
        pixels = self.window_size**2
        qkv = _linear(self.qkv, x).view(-1, pixels, 3, self.heads, x.shape[-1] // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        bias = self.relative_position_bias_table[self.relative_position_index.flatten()]
        bias = bias.view(1, pixels, pixels, -1).permute(0, 3, 1, 2).to(q.dtype)
        if mask is not None:
            bias = bias + mask.to(bias)[:, None]
        attended = nn.functional.scaled_dot_product_attention(q, k, v, bias)
        return _linear(self.proj, attended.transpose(1, 2).reshape(x.shape))


def as_image(tokens: Tensor, size: tuple[int, int, int]) -> Tensor:
    """Tokens in raster order as a view `(batch, features, height, width)`; `size` is (batch, height, width)."""
    return tokens.view(*size, tokens.shape[-1]).permute(0, 3, 1, 2)


def _layer_in_chunks(layer: nn.Module, x: Tensor, permutation: Permutation, order: WindowOrder, *, shifted: bool) -> Tensor:
    """Permute the tokens and apply a layer; to `WINDOWS_AT_ONCE` windows at a time where no gradient is required."""
    windows, training = len(x) // order.pixels, torch.is_grad_enabled()
    unmasked = order.unmasked if shifted else windows
    chunk = windows if training else WINDOWS_AT_ONCE
    edges = sorted({*range(0, unmasked, chunk), *range(unmasked, windows, chunk), windows})
    x = permute_rows(x, permutation) if training else x
    outputs = []
    for begin, end in itertools.pairwise(edges):
        rows = slice(begin * order.pixels, end * order.pixels)
        tokens = x[rows] if training else x.index_select(0, permutation.forward[rows])
        mask = order.mask[begin - unmasked : end - unmasked] if shifted and begin >= unmasked else None
        outputs.append(layer(tokens, mask))
    return torch.cat(outputs) if len(outputs) > 1 else outputs[0]


def _linear(layer: nn.Module, x: Tensor) -> Tensor:
    """W x + b; faster on CPUs in two steps, as `nn.functional.linear` copies b into every row first."""
    return (x @ layer.weight.t()).add_(layer.bias)  # type: ignore[operator,arg-type]


def _relative_positions(window_size: int) -> Tensor:
    """The row of the bias table for every pair of a window's pixels, `(pixels, pixels)`."""
    axis = torch.arange(window_size)
    positions = torch.stack(torch.meshgrid(axis, axis, indexing="ij")).flatten(1)
    offsets = positions[:, :, None] - positions[:, None, :] + window_size - 1
    return offsets[0] * (2 * window_size - 1) + offsets[1]
