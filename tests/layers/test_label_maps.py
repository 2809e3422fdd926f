import torch
from hypothesis import given
from hypothesis import strategies as st

from darkroom.layers.instance_norm import InstanceNorm2d
from darkroom.layers.label_convolution import LabelConvolution
from darkroom.layers.label_maps import encoded, instance_edges, one_hot
from darkroom.layers.spectral import initialise_spectral

sizes = st.integers(4, 11)


@given(sizes, sizes, st.integers(1, 3), st.integers(1, 9))
def test_one_hot_is_torchs(height: int, width: int, batch: int, labels: int):
    ids = torch.randint(labels, (batch, 1, height, width))
    expected = torch.nn.functional.one_hot(ids[:, 0], labels).permute(0, 3, 1, 2).float()
    assert torch.equal(one_hot(ids, labels), expected)


@given(sizes, sizes)
def test_edges_are_where_a_neighbour_differs(height: int, width: int):
    objects = torch.randint(3, (1, 1, height, width))
    edges = instance_edges(objects)[0, 0]
    for y in range(height):
        for x in range(width):
            beside = [(y + dy, x + dx) for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0))]
            inside = [objects[0, 0, v, u] for v, u in beside if 0 <= v < height and 0 <= u < width]
            assert edges[y, x] == any(other != objects[0, 0, y, x] for other in inside)


@given(
    st.sampled_from([(7, 1, 3, "reflect"), (4, 2, 1, "zeros"), (3, 1, 1, "zeros"), (3, 2, 1, "zeros"), (1, 1, 0, "zeros")]),
    sizes,
    sizes,
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**20),
)
def test_sums_of_rows_are_the_convolution(how, height: int, width: int, edges: bool, bias: bool, seed: int):
    torch.manual_seed(seed)
    kernel_size, stride, padding, mode = how
    layer = LabelConvolution(5, edges, 6, kernel_size=kernel_size, stride=stride, padding=padding, padding_mode=mode, bias=bias)
    coarse = torch.randint(5, (2, 1, -(-height // 3), -(-width // 3)))  # regions and borders
    ids = coarse.repeat_interleave(3, 2).repeat_interleave(3, 3)[..., :height, :width]
    instances = torch.randint(2, ids.shape) if edges else None
    plain = torch.nn.Conv2d(layer.in_channels, 6, kernel_size, stride, padding, padding_mode=mode, bias=bias)
    plain.load_state_dict(layer.state_dict())
    expected = plain(encoded(ids, 5, instances))
    with torch.no_grad():
        torch.testing.assert_close(layer(ids, instances), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(layer(ids, instances), expected)


def test_images_are_convolved_as_they_are():
    layer, image = LabelConvolution(0, False, 4, kernel_size=3, padding=1), torch.rand(1, 3, 6, 8)
    with torch.no_grad():
        expected = torch.nn.functional.conv2d(2 * image - 1, layer.weight, layer.bias, padding=1)
        torch.testing.assert_close(layer(image), expected)


@given(st.integers(1, 3), st.booleans(), st.booleans())
def test_instance_normalisation_is_torchs(batch: int, affine: bool, channels_last: bool):
    x = torch.randn(batch, 4, 6, 5, requires_grad=True)
    if channels_last:
        x = x.to(memory_format=torch.channels_last).detach().requires_grad_()
    layer = InstanceNorm2d(4, affine=affine)
    if affine:
        torch.nn.init.normal_(layer.weight)
    expected = torch.nn.functional.instance_norm(x, weight=layer.weight, bias=layer.bias)
    torch.testing.assert_close(layer(x), expected)
    found, wanted = (torch.autograd.grad(y.square().sum() + y[0, 0, 0, 0], x)[0] for y in (layer(x), expected))
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
    assert torch.equal(layer.eval()(x), layer.train()(x))


def test_spectral_norm_is_one_before_the_first_step():
    layer = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Conv2d(3, 7, 4))
    initialise_spectral(layer, torch.Generator().manual_seed(0))
    assert abs(torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() - 1) < 0.03
    before = layer.parametrizations.weight.original.clone()
    initialise_spectral(layer, torch.Generator().manual_seed(0))
    assert torch.equal(layer.parametrizations.weight.original, before)
