"""Kernel fields: a blur kernel for every pixel, as a mixture of a few basis kernels."""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import one_hot, pad

from darkroom.core.errors import DarkroomError

SUMS_TO_ONE = 1e-2
"""How far a sum of kernel values or of masks may be from one: half precision gives 1e-3."""

LEAST_SHARE = 1e-4
"""A segment whose mask is smaller than this at a pixel counts as absent there, when masks are divided by their sum."""

_TINY = 1e-8
"""Added to kernel values before their logarithm is taken."""

Kernels = Float[Tensor, "*batch basis kernel_height kernel_width"]
Masks = Float[Tensor, "*batch basis height width"]


class KernelField(NamedTuple):
    """The kernel of pixel i is Σ_b m_b(i) k_b.

    Args:
        kernels: k_b, not negative; each sums to one.
        masks: m_b, not negative; at every pixel they sum to one.

    Source: Nagy & O'Leary 1998; Carbajal et al. 2021 (arXiv 2102.01026).
    """

    kernels: Kernels
    masks: Masks

    def at(self, rows: Int[Tensor, " point"], columns: Int[Tensor, " point"]) -> Float[Tensor, "*batch point h w"]:
        """The kernels of some pixels.

        Example:
            >>> field = KernelField(torch.eye(3).view(3, 1, 3), torch.full((3, 4, 5), 1 / 3))
            >>> field.at(torch.tensor([0]), torch.tensor([2]))
            tensor([[[0.3333, 0.3333, 0.3333]]])
        """
        return torch.einsum("...bp,...bhw->...phw", self.masks[..., rows, columns], self.kernels)

    @property
    def mean_kernel(self) -> Float[Tensor, "*batch kernel_height kernel_width"]:
        """The mean of the kernels of all pixels."""
        return torch.einsum("...b,...bhw->...hw", self.masks.mean((-2, -1)), self.kernels)


def check(field: KernelField) -> None:
    """Raise if a field is not one: a sum that is not one, a value that is negative or not finite, sizes that do not fit.

    Raises:
        DarkroomError: in one line, which kernel or pixel, and its value.

    Example:
        >>> check(KernelField(torch.full((2, 3, 3), 1 / 9), torch.full((2, 4, 5), 0.25)))
        Traceback (most recent call last):
        darkroom.core.errors.DarkroomError: the masks of a kernel field must sum to 1 at every pixel; in row 0, column 0 they sum to 0.5
    """
    kernels, masks = field
    if kernels.ndim < 3 or masks.ndim < 3 or kernels.shape[:-2] != masks.shape[:-2] or not kernels.numel() or not masks.numel():
        raise DarkroomError(
            f"a kernel field has as many masks as kernels, given kernels of shape {tuple(kernels.shape)} and masks of "
            f"{tuple(masks.shape)}"
        )
    if kernels.shape[-2] % 2 == 0 or kernels.shape[-1] % 2 == 0:
        raise DarkroomError(
            f"kernels have odd sides, so that they have a centre pixel, given {kernels.shape[-1]}x{kernels.shape[-2]}"
        )
    for name, values in (("kernels", kernels), ("masks", masks)):
        if not values.isfinite().all():
            raise DarkroomError(f"the {name} of a kernel field must be finite, given NaN or infinity")
        if values.min() < -SUMS_TO_ONE:
            raise DarkroomError(f"the {name} of a kernel field must not be negative, given {float(values.min()):.3g}")
    sums = kernels.double().sum((-2, -1)).flatten()
    wrong = int((sums - 1).abs().argmax())
    if abs(sums[wrong] - 1) > SUMS_TO_ONE:
        raise DarkroomError(f"each kernel of a field must sum to 1; kernel {wrong} sums to {float(sums[wrong]):.4g}")
    totals = masks.float().sum(-3)
    deviation = (totals - 1).abs().flatten()
    wrong = int(deviation.argmax())
    if deviation[wrong] > SUMS_TO_ONE:
        height, width = masks.shape[-2:]
        raise DarkroomError(
            f"the masks of a kernel field must sum to 1 at every pixel; in row {wrong // width % height}, column {wrong % width} "
            f"they sum to {float(totals.flatten()[wrong]):.4g}"
        )


def distance(
    field: KernelField,
    true: KernelField,
    rows: Int[Tensor, " point"],
    columns: Int[Tensor, " point"],
    norm: Literal["l1", "l2", "kl"],
) -> Float[Tensor, " batch"]:
    """Σ_i w(i) d(k̂_i, k_i) over some pixels i, for each image of a batch; w sums to one and gives every segment the same share.

    Args:
        field, true: k̂ and k, of batches.
        rows, columns: of the pixels.
        norm: d: "l1", the sum of absolute differences, from 0 to 2; "l2", the sum of squared differences; "kl", the
            Kullback–Leibler divergence Σ k log(k/k̂).

    Example:
        >>> masks = torch.ones(1, 1, 4, 4)
        >>> left, right = (KernelField(kernel.view(1, 1, 1, 3), masks) for kernel in torch.eye(3)[[0, 2]])
        >>> distance(left, right, torch.tensor([0]), torch.tensor([0]), "l1")
        tensor([2.])
    """
    estimated, truth = field.at(rows, columns), true.at(rows, columns)
    if norm == "kl":
        distance = (truth * ((truth + _TINY).log() - (estimated + _TINY).log())).sum((-2, -1))
    else:
        difference = estimated - truth
        distance = (difference.abs() if norm == "l1" else difference.square()).sum((-2, -1))
    masks = true.masks[..., rows, columns]
    sizes = masks.sum(-1, keepdim=True)
    present = sizes > 0
    weights = (masks / sizes.clamp(min=1e-6) * present).sum(1) / present.sum(1)
    return (weights * distance).sum(-1)


def uniform_field(kernel: Float[Tensor, "kernel_height kernel_width"], height: int, width: int) -> KernelField:
    """The field of one kernel for all pixels."""
    return KernelField(kernel[None], torch.ones(1, height, width, dtype=kernel.dtype, device=kernel.device))


def composed(labels: Int[Tensor, "height width"], kernels: Float[Tensor, "segment kernel_height kernel_width"]) -> KernelField:
    """A field of objects that move differently: kernel s for the segment of the pixels with label s.

    A moving object's edge is blurred as the object is, so each segment's indicator 1_s is convolved with its own kernel and
    all are divided by their sum, m_s = (k_s ⊗ 1_s) / Σ_r (k_r ⊗ 1_r). The indicators are known for the whole, sharp image; the
    masks are those of the pixels for which whole kernels lie inside it, smaller by the kernels' size minus 1.

    Args:
        labels: of the sharp image's pixels, from 0 to the number of kernels minus 1.
        kernels: k_s.

    Raises:
        DarkroomError: a label has no kernel, or the kernels are larger than the image.

    Source: Carbajal et al. 2021, the making of the training data.

    Example:
        >>> field = composed(torch.zeros(9, 9).long(), torch.full((1, 3, 3), 1 / 9))
        >>> field.masks.shape, field.masks.min().item()
        (torch.Size([1, 7, 7]), 1.0)
    """
    count, rows, columns = kernels.shape
    if int(labels.min()) < 0 or int(labels.max()) >= count:
        raise DarkroomError(
            f"labels of {count} kernels go from 0 to {count - 1}, given {int(labels.min())} to {int(labels.max())}"
        )
    if rows > labels.shape[0] or columns > labels.shape[1]:
        raise DarkroomError(f"kernels of {columns}x{rows} are larger than the image of {labels.shape[1]}x{labels.shape[0]}")
    size, indicators = labels.shape, one_hot(labels.long(), count).permute(2, 0, 1).to(kernels)
    blurred = torch.fft.irfft2(torch.fft.rfft2(indicators) * torch.fft.rfft2(kernels, size), size)[:, rows - 1 :, columns - 1 :]
    # Nearly everywhere one term has all of the sum; where objects move apart, the sum may be small.
    blurred = torch.where(blurred > LEAST_SHARE, blurred, torch.zeros_like(blurred))
    total = blurred.sum(0, keepdim=True)
    inner = indicators[:, rows // 2 : labels.shape[0] - rows // 2, columns // 2 : labels.shape[1] - columns // 2]
    return KernelField(kernels, torch.where(total > LEAST_SHARE, blurred / total.clamp(min=LEAST_SHARE), inner))


def pruned(field: KernelField, least: float = 0.01) -> KernelField:
    """The field without shares below `least`, the others divided by their sum: a mask that is zero in a region costs nothing there.

    Example:
        >>> field = KernelField(torch.full((2, 1, 1), 1.0), torch.tensor([0.995, 0.005]).view(2, 1, 1))
        >>> pruned(field).masks.flatten().tolist()
        [1.0, 0.0]
    """
    masks = torch.where(field.masks < min(least, 1 / field.masks.shape[-3]), 0, field.masks)
    return KernelField(field.kernels, masks / masks.sum(-3, keepdim=True))


def padded_to(field: KernelField, count: int) -> KernelField:
    """The same field with `count` kernels: further ones are single points with masks of zero, so that fields can be batched."""
    more = count - len(field.kernels)
    point = torch.zeros_like(field.kernels[:1])
    point[..., point.shape[-2] // 2, point.shape[-1] // 2] = 1
    kernels = torch.cat([field.kernels, point.expand(more, -1, -1)])
    return KernelField(kernels, pad(field.masks, (0, 0, 0, 0, 0, more)))
