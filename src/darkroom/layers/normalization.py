"""Batch normalisation with the same result on one process and on several."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class _OverProcesses(_BatchNorm):
    """Batch normalisation over the *global* batch, also where processes hold equal parts of it.

    On one process this is torch's own. Under data-parallel training mean and variance are reduced over all processes,
    and differentiated through, so that N processes compute what one would with the same global batch. `torch.nn.SyncBatchNorm`
    does this on GPUs only.
    """

    def forward(self, x: Float[Tensor, "batch channel *size"]) -> Float[Tensor, "batch channel *size"]:
        """Normalise; in training by the batch's statistics, in evaluation by the running ones."""
        processes = _processes()
        if not self.training or processes == 1:
            return super().forward(x)
        others, shape = (0, *range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
        mean = mean_over_processes(x.float().mean(others))
        centred = x.float() - mean.view(shape)
        variance = mean_over_processes(centred.square().mean(others))
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        with torch.no_grad():
            count = processes * x.numel() // x.shape[1]
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        normalised = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            normalised = normalised * self.weight.view(shape) + self.bias.view(shape)
        return normalised.to(x.dtype)


class BatchNorm2d(_OverProcesses, nn.BatchNorm2d):
    """Batch normalisation of images or feature maps over the global batch: `torch.nn.BatchNorm2d` on one process and on several.

    Source: Ioffe & Szegedy 2015, algorithm 1.
    """


class BatchNorm1d(_OverProcesses, nn.BatchNorm1d):
    """Batch normalisation of vectors over the global batch: `torch.nn.BatchNorm1d` on one process and on several.

    Source: Ioffe & Szegedy 2015, algorithm 1.
    """


def mean_over_processes(x: Tensor) -> Tensor:
    """The mean of a tensor over all training processes, differentiable; x itself without distributed training."""
    from torch.distributed.nn.functional import all_reduce

    return all_reduce(x) / _processes() if _processes() > 1 else x


def over_processes(x: Float[Tensor, "batch *rest"]) -> Float[Tensor, "whole_batch *rest"]:
    """The parts of a batch that the training processes hold, one after the other, differentiable; x itself without
    distributed training.
    """
    from torch.distributed.nn.functional import all_gather

    return torch.cat(all_gather(x)) if _processes() > 1 else x


def _processes() -> int:
    return torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1
