"""Data-parallel training on bare networks: equal weights at the start, mean gradients after every backward pass.

Networks are not wrapped, so a method may differentiate twice, call a network any number of times, or call parts of it. The
price: gradients are exchanged after the backward pass, not during it.
"""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch._utils import _flatten_dense_tensors, _unflatten_dense_tensors

BUCKET = 1 << 23
"""Numbers that are exchanged at a time (32 MiB of float32)."""


@torch.no_grad()
def broadcast(module: nn.Module) -> None:
    """Give every process the first one's parameters and buffers."""
    for tensor in [*module.parameters(), *module.buffers()]:
        torch.distributed.broadcast(tensor.data, 0)


@torch.no_grad()
def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace every gradient by its mean over the processes. Sparse gradients become dense."""
    gradients = []
    for parameter in parameters:
        if parameter.grad is not None:
            if parameter.grad.is_sparse:
                parameter.grad = parameter.grad.to_dense()
            gradients.append(parameter.grad)
    for bucket in _buckets(gradients):
        flat = _flatten_dense_tensors(bucket).div_(torch.distributed.get_world_size())
        torch.distributed.all_reduce(flat)
        for gradient, mean in zip(bucket, _unflatten_dense_tensors(flat, bucket), strict=True):
            gradient.copy_(mean)


def _buckets(tensors: list[Tensor]) -> Iterator[list[Tensor]]:
    """Tensors of one type, as many as fill a bucket."""
    for kind in dict.fromkeys((tensor.dtype, tensor.device) for tensor in tensors):
        bucket: list[Tensor] = []
        for tensor in [tensor for tensor in tensors if (tensor.dtype, tensor.device) == kind]:
            if bucket and sum(map(torch.numel, bucket)) + tensor.numel() > BUCKET:
                yield bucket
                bucket = []
            bucket.append(tensor)
        yield bucket
