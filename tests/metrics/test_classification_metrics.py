import pytest
import torch
from sklearn.metrics import accuracy_score, jaccard_score, top_k_accuracy_score
from torchmetrics.classification import MulticlassJaccardIndex

from darkroom.core.errors import DarkroomError
from darkroom.metrics.classification import accuracy, mean_iou, pixel_accuracy

CPU = torch.device("cpu")


def scored(metric, *batches) -> float:
    state = metric.accumulator(CPU)
    for prediction, labels in batches:
        state.update(prediction, labels)
    score = state.compute()
    assert score.deviation is None and score.count == sum(len(prediction) for prediction, _ in batches)
    return score.value


@pytest.mark.parametrize("top", [1, 3])
def test_accuracy_is_scikit_learns(top: int):
    random = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(101, 7, generator=random), torch.randint(7, (101,), generator=random)
    ours = scored(accuracy(top), (logits[:60], labels[:60]), (logits[60:], labels[60:]))
    assert ours == pytest.approx(top_k_accuracy_score(labels, logits, k=top, labels=range(7)))


@pytest.mark.parametrize("ignore", [None, 255, 3])
def test_segmentation_is_scored_as_scikit_learn_and_torchmetrics_do(ignore: int | None):
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(4, (6, 8, 9), generator=random)
    if ignore == 255:
        labels[torch.rand(labels.shape, generator=random) < 0.2] = 255
    logits = torch.randn(6, 5, 8, 9, generator=random)
    logits[:, 4] = -9  # neither occurs nor is predicted
    predicted = logits.argmax(1)
    counted = torch.ones_like(labels, dtype=torch.bool) if ignore is None else labels != ignore
    batches = (logits[:4], labels[:4]), (logits[4:], labels[4:])
    truth, ours = labels[counted].numpy(), predicted[counted].numpy()
    classes = [c for c in range(4) if c != ignore]
    assert scored(mean_iou(5, ignore), *batches) == pytest.approx(jaccard_score(truth, ours, labels=classes, average="macro"))
    assert scored(pixel_accuracy(5, ignore), *batches) == pytest.approx(accuracy_score(truth, ours))
    reference = MulticlassJaccardIndex(5, ignore_index=ignore)(predicted, labels)
    assert scored(mean_iou(5, ignore), *batches) == pytest.approx(reference.item(), rel=1e-5)


def test_labels_may_be_given_in_place_of_logits():
    labels = torch.tensor([[[0, 1], [2, 2]]])
    assert scored(pixel_accuracy(3), (torch.tensor([[[0, 1], [2, 0]]]), labels)) == 0.75


def test_a_label_outside_the_range_is_named():
    with pytest.raises(DarkroomError, match="label 11 is outside 0 to 10"):
        scored(mean_iou(11), (torch.zeros(1, 11, 2, 2), torch.full((1, 2, 2), 11)))
    with pytest.raises(DarkroomError, match="label -1 is outside 0 to 2"):
        scored(accuracy(), (torch.zeros(1, 3), torch.tensor([-1])))
    with pytest.raises(DarkroomError, match="top-5 accuracy needs at least 5 classes"):
        scored(accuracy(5), (torch.zeros(1, 3), torch.tensor([1])))
