"""Nearest neighbours against scikit-learn."""

import torch
from sklearn.neighbors import KNeighborsClassifier
from torch.nn.functional import adaptive_avg_pool2d, normalize, one_hot

from darkroom.data.digits import Digits
from darkroom.evaluations.nearest_neighbours import NearestNeighbours, vote
from darkroom.evaluations.probe import LinearProbe
from darkroom.metrics.classification import accuracy


def test_votes_are_scikit_learns():
    torch.manual_seed(0)
    bank, queries = normalize(torch.randn(80, 6), dim=1), normalize(torch.randn(30, 6), dim=1)
    labels = torch.randint(4, (80,))
    _, votes = vote(queries, bank, one_hot(labels, 4).float(), 7)
    weights = lambda distances: torch.from_numpy(1 - distances).div(0.07).exp().numpy()  # noqa: E731
    theirs = KNeighborsClassifier(7, metric="cosine", algorithm="brute", weights=weights).fit(bank.numpy(), labels.numpy())
    torch.testing.assert_close(
        normalize(votes, 1, dim=1), torch.from_numpy(theirs.predict_proba(queries.numpy())).float(), atol=1e-4, rtol=1e-3
    )


def test_digits_by_their_pixels():
    evaluation = NearestNeighbours(Digits("train"), Digits("test"), (accuracy(),), neighbours=5)
    evaluation.open()
    outcome = evaluation.evaluate(lambda images: images.flatten(1), torch.device("cpu"))
    assert outcome.scores["accuracy_top1"].value > 0.97 and outcome.scores["accuracy_top1"].count == 355
    assert [set(preview.images) for preview in outcome.previews] == [{"input", "prediction"}] * 3
    assert all(image.shape[0] == 3 for preview in outcome.previews for image in preview.images.values())
    assert evaluation.fingerprint() and "5 nearest neighbours in digits-train" in evaluation.protocol()


def test_it_needs_no_more_training_images_than_there_are():
    evaluation = NearestNeighbours(Digits("test"), Digits("train"), (accuracy(),), neighbours=10_000)
    evaluation.open()
    outcome = evaluation.evaluate(lambda images: adaptive_avg_pool2d(images, 2).flatten(1), torch.device("cpu"))
    assert outcome.scores["accuracy_top1"].value > 0.3


def test_the_fingerprint_tells_kinds_of_evaluation_apart():
    both = [kind(Digits("train"), Digits("test"), (accuracy(),)) for kind in (NearestNeighbours, LinearProbe)]
    assert len({evaluation.fingerprint() for evaluation in both}) == 2
