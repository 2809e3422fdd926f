"""Batch normalisation with the same result on one process and on several."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class BatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation over the *global* batch, also where processes hold equal parts of it.

    On one process this is `torch.nn.BatchNorm2d`. Under data-parallel training mean and variance are reduced over all processes,
    and differentiated through, so that N processes compute what one would with the same global batch. `torch.nn.SyncBatchNorm`
    does this on GPUs only.

    Source: Ioffe & Szegedy 2015, algorithm 1.
    """

    def forward(self, x: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch channel height width"]:
        """Normalise; in training by the batch's statistics, in evaluation by the running ones."""
        processes = _processes()
        if not self.training or processes == 1:
            return super().forward(x)
        mean = mean_over_processes(x.float().mean((0, 2, 3)))
        centred = x.float() - mean[:, None, None]
        variance = mean_over_processes(centred.square().mean((0, 2, 3)))
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        with torch.no_grad():
            count = processes * x.numel() // x.shape[1]
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)


def mean_over_processes(x: Tensor) -> Tensor:
    """The mean of a tensor over all training processes, differentiable; x itself without distributed training."""
    from torch.distributed.nn.functional import all_reduce

    return all_reduce(x) / _processes() if _processes() > 1 else x


def _processes() -> int:
    return torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1
