"""Spatially varying blur against its definition, scipy, the uniform blur, and its adjoint's definition."""

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.core.errors import DarkroomError
from darkroom.operators.blur import Blur
from darkroom.operators.kernel_field import KernelField, check, composed, distance, padded_to, uniform_field
from darkroom.operators.kernel_images import basis_image, field_image
from darkroom.operators.varying_blur import VaryingBlur, backprojected, blurred
from darkroom.solvers.classical import total_variation
from darkroom.solvers.iterate import solve
from darkroom.solvers.plug_and_play import plug_and_play
from tests.operators.operators import matrix_of

BOUNDARIES = st.sampled_from(["valid", "circular", "reflect"])
ALGORITHMS = st.sampled_from(["fourier", "direct"])
ODD = st.sampled_from([1, 3, 5, 7])


def random_field(basis: int, rows: int, columns: int, height: int, width: int, seed: int = 0) -> KernelField:
    random = torch.Generator().manual_seed(seed)
    kernels = torch.rand(basis, rows, columns, dtype=torch.float64, generator=random)
    masks = torch.randn(basis, height, width, dtype=torch.float64, generator=random).softmax(0)
    return KernelField(kernels / kernels.sum((1, 2), keepdim=True), masks)


def uniform(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@given(BOUNDARIES, ALGORITHMS, st.integers(1, 4), ODD, ODD, st.integers(1, 20), st.integers(1, 20), st.integers(1, 12))
def test_the_adjoint_satisfies_its_definition(boundary, algorithm, basis, rows, columns, height, width, tile):
    blur = VaryingBlur(random_field(basis, rows, columns, height, width), boundary, algorithm, tile)
    x, y = uniform(2, *blur.input_shape) - 0.5, uniform(2, *blur.output_shape, seed=2) - 0.5
    assert (blur(x) * y).sum().item() == pytest.approx((x * blur.adjoint(y)).sum().item(), rel=1e-9, abs=1e-10)


@given(ALGORITHMS, ODD, ODD, st.integers(7, 20), st.integers(7, 20), st.integers(3, 30))
def test_it_convolves_then_masks(algorithm, rows, columns, height, width, tile):
    field = random_field(3, rows, columns, height - rows + 1, width - columns + 1)
    x = uniform(height, width)
    parts = [
        mask.numpy() * scipy.signal.convolve2d(x.numpy(), kernel.numpy(), mode="valid")
        for kernel, mask in zip(*field, strict=True)
    ]
    found = VaryingBlur(field, "valid", algorithm, tile)(x)
    np.testing.assert_allclose(found.numpy(), np.sum(parts, 0), atol=1e-12)


@pytest.mark.parametrize("boundary", ["valid", "circular", "reflect"])
def test_with_one_kernel_it_is_the_uniform_blur(boundary):
    kernel, x = uniform(5, 7), uniform(2, 18, 20)
    expected = Blur(kernel, 18, 20, boundary)
    size = expected.output_shape
    field = uniform_field((kernel / kernel.sum()), *size)
    torch.testing.assert_close(VaryingBlur(field, boundary)(x), expected(x))
    several = KernelField(field.kernels.expand(4, -1, -1), random_field(4, 1, 1, *size).masks)
    torch.testing.assert_close(VaryingBlur(several, boundary)(x), expected(x))


def test_brightness_is_kept_and_images_may_be_smaller_than_a_kernel():
    for size in ((40, 50), (3, 9), (1, 1)):
        blur = VaryingBlur(random_field(3, 33, 33, *size))
        torch.testing.assert_close(blur(torch.ones(2, *size).double()), torch.ones(2, *size).double())


def test_batches_have_a_field_each_and_gradients():
    fields = [random_field(2, 5, 3, 8, 9, seed) for seed in (0, 1)]
    field = KernelField(*(torch.stack(parts).requires_grad_() for parts in zip(*fields, strict=True)))
    x = uniform(2, 3, 12, 11).requires_grad_()
    for algorithm in ("fourier", "direct"):
        found = blurred(x, field, algorithm=algorithm)
        expected = torch.stack([VaryingBlur(each, "valid")(image) for each, image in zip(fields, x.detach(), strict=True)])
        torch.testing.assert_close(found, expected)
        y = uniform(*found.shape, seed=3)
        (gradient,) = torch.autograd.grad((found * y).sum(), x)
        torch.testing.assert_close(gradient, backprojected(y, field, algorithm=algorithm))
    assert torch.autograd.gradcheck(
        lambda k, m: blurred(x.detach()[:1, :1], KernelField(k, m)), [part[:1].detach().requires_grad_() for part in field]
    )


def test_the_lipschitz_constant_bounds_the_norm_and_column_sums_are_not_one():
    blur = VaryingBlur(random_field(3, 3, 5, 8, 9))
    h = matrix_of(blur)
    norm = torch.linalg.matrix_norm(h, 2).item() ** 2
    assert norm <= blur.lipschitz + 1e-9 and blur.lipschitz < 2 * norm
    torch.testing.assert_close(blur.column_sums.double().flatten(), h.sum(0), rtol=1e-5, atol=1e-6)
    assert (blur.column_sums - 1).abs().max() > 0.01
    m = blur.preconditioner(0.05)(torch.eye(72, dtype=torch.float64).view(-1, 8, 9)).flatten(1)
    assert torch.linalg.eigvalsh((m + m.T) / 2).min() > 0
    assert VaryingBlur(random_field(2, 5, 5, 3, 9)).preconditioner(0.1) is None


def test_the_plug_and_play_solvers_take_it():
    x = torch.zeros(1, 24, 28)
    x[:, 6:18, 8:20] = 1
    field = KernelField(*(part.float() for part in random_field(2, 5, 5, 24, 28)))
    blur = VaryingBlur(field)
    y = blur(x)
    for solver in ("hqs", "ista"):
        u = solve(plug_and_play(blur, total_variation, y, 0.01, solver=solver, steps=3, start=y)).u
        assert (u - x).norm() < 0.7 * (y - x).norm()


@pytest.mark.parametrize(
    ("kernels", "masks", "words"),
    [
        (torch.full((2, 3, 3), 0.1), torch.full((2, 4, 5), 0.5), "each kernel of a field must sum to 1; kernel 0 sums to 0.9"),
        (torch.full((1, 3, 3), 1 / 9), torch.full((2, 4, 5), 0.5), "as many masks as kernels"),
        (torch.full((1, 2, 3), 1 / 6), torch.ones(1, 4, 5), "odd sides.*given 3x2"),
        (torch.full((1, 1, 1), torch.nan), torch.ones(1, 4, 5), "kernels of a kernel field must be finite"),
        (torch.tensor([[[-0.5, 1.0, 0.5]]]), torch.ones(1, 4, 5), "must not be negative, given -0.5"),
        (torch.zeros(0, 3, 3), torch.zeros(0, 4, 5), "as many masks as kernels"),
    ],
)
def test_a_field_that_is_none_is_refused(kernels, masks, words):
    with pytest.raises(DarkroomError, match=words):
        VaryingBlur(KernelField(kernels, masks))


def test_masks_that_do_not_sum_to_one_are_refused_by_pixel():
    masks = torch.full((2, 4, 5), 0.5)
    masks[0, 2, 3] = 0.9
    with pytest.raises(DarkroomError, match="in row 2, column 3 they sum to 1.4"):
        check(KernelField(torch.ones(2, 1, 1), masks))


def test_an_image_of_another_size_is_refused():
    blur = VaryingBlur(random_field(1, 3, 3, 8, 9), "valid")
    with pytest.raises(DarkroomError, match="takes images of 11x10, given 9x8"):
        blur(torch.zeros(8, 9))
    with pytest.raises(DarkroomError, match="adjoint of this blur takes images of 9x8, given 11x10"):
        blur.adjoint(torch.zeros(10, 11))


def test_objects_are_composed_by_their_blurred_outlines():
    labels = torch.zeros(12, 14, dtype=torch.long)
    labels[:, 7:] = 1
    box, point = torch.full((3, 3), 1 / 9), torch.zeros(3, 3)
    point[1, 1] = 1
    field = composed(labels, torch.stack([point, box]))
    check(field)
    assert field.masks.shape == (2, 10, 12)
    # Row 0, from left to right: the object's blurred edge is 0, 1/3, 2/3, 1, beside the background's sharp one: 1, 1, 0, 0.
    torch.testing.assert_close(field.masks[1, 0, 4:8], torch.tensor([0, (1 / 3) / (4 / 3), 1.0, 1.0]), atol=1e-5, rtol=0)
    same = composed(labels, torch.stack([box, box]))
    x = uniform(12, 14).float()
    torch.testing.assert_close(VaryingBlur(same, "valid")(x), Blur(box, 12, 14)(x))
    for wrong, words in [
        (labels - 1, "go from 0 to 1, given -1"),
        (labels + 1, "given 1 to 2"),
        (labels[:2], "larger than the image"),
    ]:
        with pytest.raises(DarkroomError, match=words):
            composed(wrong, torch.stack([point, box]))


def test_the_distance_gives_every_segment_the_same_share():
    point, left, box = torch.zeros(1, 3), torch.zeros(1, 3), torch.full((1, 3), 1 / 3)
    point[0, 1], left[0, 0] = 1, 1
    masks = torch.zeros(1, 2, 4, 10)
    masks[:, 0, :, :9], masks[:, 1, :, 9:] = 1, 1
    rows, columns = (index.flatten() for index in torch.meshgrid(torch.arange(4), torch.arange(10), indexing="ij"))
    true = KernelField(torch.stack([point, box])[None], masks)
    found = KernelField(torch.stack([point, left])[None], masks)
    assert distance(found, true, rows, columns, "l1").item() == pytest.approx((0 + 4 / 3) / 2)
    assert distance(found, true, rows, columns, "l2").item() == pytest.approx((0 + 6 / 9) / 2)
    padded = KernelField(*(part[None] for part in padded_to(KernelField(*(part[0] for part in true)), 4)))
    assert distance(padded, true, rows, columns, "l1").item() == 0
    assert distance(found, padded, rows, columns, "l1").item() == pytest.approx(2 / 3)


def test_figures_show_kernels_where_they_act():
    kernels = torch.zeros(2, 3, 3)
    kernels[0, 1, 1], kernels[1, 1] = 1, 1 / 3
    masks = torch.zeros(2, 20, 40)
    masks[0, :, :20], masks[1, :, 20:] = 1, 1
    shown = field_image(torch.full((3, 20, 40), 0.5), KernelField(kernels, masks), spacing=20)
    assert shown.shape == (3, 20, 40) and shown.min() >= 0 and shown.max() <= 1
    bright = shown[0] > 0.9
    assert bright[:, :20].sum() == 1 and bright[:, 20:].sum() == 3 and bright[10, 10] and bright[10, 29:32].all()
    assert basis_image(KernelField(kernels, masks)).shape[0] == 3
