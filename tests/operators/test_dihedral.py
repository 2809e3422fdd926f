import numpy as np
import pytest
import torch
from PIL import Image

from darkroom.operators.dihedral import dihedral, inverse_dihedral


@pytest.mark.parametrize("shape", [(3, 5, 8), (1, 4, 4), (2, 3, 7, 6)])
def test_every_element_is_undone_by_its_inverse(shape: tuple[int, ...]):
    image = torch.rand(shape)
    for element in range(8):
        assert torch.equal(inverse_dihedral(dihedral(image, element), element), image)


def test_the_eight_elements_are_pillows_flips_and_rotations():
    image = torch.arange(12.0).view(1, 3, 4)
    images = [dihedral(image, element) for element in range(8)]
    assert len({(tuple(x.shape), tuple(x.flatten().tolist())) for x in images}) == 8
    methods = {1: "FLIP_LEFT_RIGHT", 2: "ROTATE_90", 4: "ROTATE_180", 5: "FLIP_TOP_BOTTOM", 6: "ROTATE_270"}
    for element, method in methods.items():
        expected = Image.fromarray(image[0].numpy(), "F").transpose(Image.Transpose[method])
        np.testing.assert_array_equal(images[element][0].numpy(), np.asarray(expected))
    assert torch.equal(images[0], image)
