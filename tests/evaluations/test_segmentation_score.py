import dataclasses
import math

import pytest
import sklearn.metrics
import torch
from torch import nn

from darkroom.core.dataset import Dataset
from darkroom.core.errors import DarkroomError
from darkroom.core.method import Example
from darkroom.evaluations.segmentation_score import Numbering, SegmentationScore, Segmenter, photographs

CPU = torch.device("cpu")
COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0))
NUMBERING = Numbering(3, 3, COLOURS)


class Coloured(Dataset):
    """Label maps of three classes and void, and photographs in their colours."""

    name = "coloured"

    def __init__(self, sizes=((8, 12), (8, 12), (10, 6)), labels: int = 4) -> None:
        random = torch.Generator().manual_seed(0)
        self.maps = [torch.randint(0, labels, (1, *size), generator=random) for size in sizes]

    @property
    def names(self) -> list[str]:
        return [f"map {number}" for number in range(len(self.maps))]

    def __len__(self) -> int:
        return len(self.maps)

    def example(self, index: int) -> Example:
        return Example(self.maps[index], paint(self.maps[index][None])[0])

    def digests(self) -> dict[str, str]:
        return {name: str(ids.sum()) for name, ids in zip(self.names, self.maps, strict=True)}


def paint(ids: torch.Tensor) -> torch.Tensor:
    """The photographs of label maps."""
    return (torch.tensor(COLOURS)[ids[:, 0]].movedim(-1, 1) / 255).float()


class Brightest(nn.Module):
    """The class is the brightest channel."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen = images
        return images.argmax(1, keepdim=True)


def evaluation(images: Dataset | None = None, size=(8, 12), **changes) -> SegmentationScore:
    network = changes.pop("network", Brightest())
    segmenter = dataclasses.replace(Segmenter("the brightest", lambda: network, size, digest=lambda: "abcdefabcdef"), **changes)
    return SegmentationScore(images or Coloured(((8, 12), (8, 12))), segmenter, NUMBERING)


def values(outcome) -> tuple[float, float]:
    return outcome.scores["mean_iou"].value, outcome.scores["pixel_accuracy"].value


def test_photographs_are_the_ceiling_and_void_does_not_count():
    scored = evaluation()
    assert values(scored.evaluate(scored.baselines["photographs"], CPU)) == (1, 1)
    assert list(scored.baselines) == ["photographs"] and scored.predictor is not None
    everything_red = lambda batch: paint(torch.zeros_like(batch.input))  # noqa: E731
    iou, accuracy = values(scored.evaluate(everything_red, CPU))
    ids = torch.cat([ids.flatten() for ids in scored.images.maps])
    red = float((ids == 0).sum() / (ids != 3).sum())
    assert accuracy == pytest.approx(red) and iou == pytest.approx(red / 3)


def test_scores_are_of_one_confusion_matrix_of_all_pixels():
    """Against scikit-learn, on generated photographs that are wrong in places, of two sizes."""
    images = Coloured(((8, 12), (8, 12), (8, 12)))
    drawn = [torch.randint(0, 3, x.shape, generator=torch.Generator().manual_seed(7)) for x in images.maps]
    wrong = {id(x): torch.where(y == 0, y, x.clamp(max=2)) for x, y in zip(images.maps, drawn, strict=True)}
    by_content = {x.numpy().tobytes(): wrong[id(x)] for x in images.maps}
    predictor = lambda batch: torch.cat([paint(by_content[ids.numpy().tobytes()][None]) for ids in batch.input])  # noqa: E731
    iou, accuracy = values(evaluation(images).evaluate(predictor, CPU))
    true = torch.cat([x.flatten() for x in images.maps])
    found = torch.cat([wrong[id(x)].flatten() for x in images.maps])[true != 3]
    true = true[true != 3]
    assert iou == pytest.approx(sklearn.metrics.jaccard_score(true, found, average="macro"))
    assert accuracy == pytest.approx(sklearn.metrics.accuracy_score(true, found))


def test_photographs_are_resized_to_the_network_and_ids_back_to_the_label_map():
    network = Brightest()
    coarse = [ids.repeat_interleave(4, 1).repeat_interleave(4, 2) for ids in Coloured().maps]
    images = Coloured()
    images.maps = coarse
    outcome = evaluation(images, size=(16, 24), network=network).evaluate(photographs, CPU)
    assert network.seen.shape[2:] == (16, 24) and network.seen.max() <= 1
    assert 0.8 < outcome.scores["pixel_accuracy"].value < 1
    preview = outcome.previews[-1].images
    assert list(preview) == ["prediction", "target"] and preview["target"].shape == (3, *coarse[-1].shape[1:])
    assert torch.equal(preview["target"], paint(coarse[-1][None])[0])


def test_predictions_are_clipped_and_rounded_and_grey_ones_have_three_channels():
    network = Brightest()
    evaluation(network=network).evaluate(lambda batch: 3 * torch.rand(len(batch.input), 1, 8, 12) - 1, CPU)
    assert network.seen.shape[1] == 3 and network.seen.min() >= 0 and network.seen.max() <= 1
    assert torch.equal(network.seen, (network.seen * 255).round() / 255)


def test_labels_of_generators_become_classes_of_evaluations():
    numbering = dataclasses.replace(NUMBERING, ids=lambda ids: torch.tensor([0, 1, 2, 3, 3, 3])[ids])
    images = Coloured(((8, 12), (8, 12)), labels=6)
    scored = SegmentationScore(images, Segmenter("x", Brightest, (8, 12)), numbering)
    painted = lambda batch: paint(numbering.ids(batch.input))  # noqa: E731
    images.example = lambda index: Example(images.maps[index], torch.zeros(3, *images.maps[index].shape[1:]))
    assert values(scored.evaluate(painted, CPU)) == (1, 1)
    with pytest.raises(DarkroomError, match="map 0: label [45] is outside 0 to 2"):
        SegmentationScore(images, Segmenter("x", Brightest, (8, 12)), NUMBERING).evaluate(painted, CPU)


def test_a_prediction_that_is_not_finite_has_no_score():
    def broken(batch: Example) -> torch.Tensor:
        images = batch.target.clone()
        images[0, 0, 0, 0] = math.nan
        return images

    assert all(map(math.isnan, values(evaluation().evaluate(broken, CPU))))


def test_a_map_without_labelled_pixels_has_no_score_and_no_error():
    images = Coloured(((4, 4),))
    images.maps[0].fill_(3)
    assert all(map(math.isnan, values(evaluation(images).evaluate(photographs, CPU))))


def test_the_protocol_names_network_size_and_weights():
    scored = evaluation(size=(16, 24))
    assert scored.variant == {"segmented at": "16x24"} and "labelled by the brightest at 16x24" in scored.protocol()
    assert "pixels of id 3 are left out" in scored.protocol() and scored.describe().protocol.endswith("; weights abcdefab")
    other = evaluation(size=(16, 24), digest=lambda: "123456789")
    assert other.fingerprint() != scored.fingerprint() != evaluation(size=(16, 25)).fingerprint()


def test_a_network_that_is_not_there_is_said_when_the_evaluation_is_opened():
    with pytest.raises(DarkroomError, match="train it first"):
        evaluation(requires=lambda: "train it first").open()
