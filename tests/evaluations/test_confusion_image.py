import pytest
import torch

from darkroom.core.colour_maps import colours_of
from darkroom.evaluations.confusion_image import GAP, NAMED, SIDE, confusion_image


def ink(image: torch.Tensor) -> torch.Tensor:
    """Where something is drawn on the white ground."""
    return (image < 0.9).any(0)


@pytest.mark.parametrize("classes", [["cat", "dog"], [f"a class with a long name {n}" for n in range(7)], list("abcdefghij")])
def test_cells_are_shares_of_the_true_class(classes: list[str]):
    count = len(classes)
    matrix = torch.randint(1, 90, (count, count), generator=torch.Generator().manual_seed(0))
    image = confusion_image(matrix, classes)
    assert image.shape == (3, SIDE, SIDE)
    side = int(ink(image)[:, -GAP - 1].sum())  # the last column is all cells
    middles = ((torch.arange(count) + 0.5) * side / count).long()
    found = image[:, GAP + middles][:, :, SIDE - GAP - side + middles]
    torch.testing.assert_close(found, colours_of(matrix / matrix.sum(1, keepdim=True), "viridis"), atol=1 / 255, rtol=0)
    assert ink(image)[:, : SIDE - GAP - side].any() and ink(image)[GAP + side :].any()


def test_many_classes_are_not_named():
    named, nameless = (confusion_image(torch.eye(n, dtype=torch.long), ["word"] * n) for n in (NAMED, NAMED + 1))
    assert ink(named)[: SIDE // 2, : 4 * GAP + 20].sum() > ink(nameless)[: SIDE // 2, : 4 * GAP - GAP].sum()


def test_a_class_without_examples_and_none_at_all():
    assert torch.isfinite(confusion_image(torch.zeros(2, 2, dtype=torch.long), ["a", "b"])).all()
