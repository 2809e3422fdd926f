import pytest
import sklearn.datasets
import torch
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import confusion_matrix
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from darkroom.core.dataset import Dataset
from darkroom.core.errors import DarkroomError
from darkroom.core.method import Example, Method
from darkroom.evaluations import classification
from darkroom.evaluations.classification import Classification
from darkroom.evaluations.probe import LinearProbe, Ridge
from darkroom.metrics.classification import accuracy

CPU = torch.device("cpu")


class Digits(Dataset):
    """scikit-learn's digits, some of them."""

    name = "digits"
    classes = tuple("0123456789")

    def __init__(self, start: int, stop: int) -> None:
        found = sklearn.datasets.load_digits()
        self.pixels = torch.from_numpy(found.images[start:stop] * 15).to(torch.uint8)[:, None]
        self.labels = found.target[start:stop].tolist()

    @property
    def names(self) -> list[str]:
        return [f"digit {number}" for number in range(len(self))]

    def __len__(self) -> int:
        return len(self.labels)

    def example(self, index: int) -> Example:
        return Example(self.pixels[index], torch.tensor(self.labels[index]))

    def digests(self) -> dict[str, str]:
        return {name: str(self.pixels[number].tolist()) for number, name in enumerate(self.names)}


def template(images: torch.Tensor) -> torch.Tensor:
    """Logits by correlation with the mean image of each class."""
    train = Digits(0, 500)
    means = torch.stack([train.pixels[torch.tensor(train.labels) == c].float().mean(0) for c in range(10)]).flatten(1)
    means = (means - means.mean(0)) / 255
    return images.flatten(1) @ means.T


def test_accuracy_and_confusion_are_those_of_scikit_learn(monkeypatch):
    matrices = []
    monkeypatch.setattr(
        classification, "confusion_image", lambda matrix, names: matrices.append(matrix) or torch.zeros(3, 2, 2)
    )
    test = Digits(500, 700)
    progress: list[tuple[int, int]] = []
    evaluation = Classification(test, (accuracy(), accuracy(3)), batch_size=64)
    outcome = evaluation.evaluate(template, CPU, lambda *done: progress.append(done))
    predicted = template(test.pixels.float() / 255).argmax(1)
    expected = (predicted == torch.tensor(test.labels)).double().mean().item()
    assert 0.3 < expected < 1 and outcome.scores["accuracy_top1"].value == pytest.approx(expected)
    assert outcome.scores["accuracy_top3"].value > expected
    assert progress[-1] == (200, 200) and len(progress) == 4
    (matrix,) = matrices
    assert matrix.tolist() == confusion_matrix(test.labels, predicted, labels=range(10)).tolist()


def test_previews_are_the_matrix_and_the_first_mistakes():
    test = Digits(500, 700)
    outcome = Classification(test, (accuracy(),), batch_size=7).evaluate(template, CPU)
    predicted = template(test.pixels.float() / 255).argmax(1).tolist()
    wrong = [number for number in range(200) if predicted[number] != test.labels[number]][:2]
    names = [f"digit {number}, {test.labels[number]} as {predicted[number]}" for number in wrong]
    assert [preview.name for preview in outcome.previews] == ["confusion matrix", *names]
    assert outcome.previews[0].images["prediction"].shape[0] == 3
    assert torch.equal(outcome.previews[1].images["prediction"], test.pixels[wrong[0]].float() / 255)


def test_a_method_predicts_without_labels():
    class Watch(Method):
        def networks(self):
            return {}

        def losses(self, batch, step):
            yield from ()

        def predict(self, batch):
            assert not batch.target.any()
            return template(batch.input)

    evaluation = Classification(Digits(500, 520), (accuracy(),))
    evaluation.open()
    outcome = evaluation.evaluate(evaluation.predictor(Watch()), CPU)
    assert outcome.scores == evaluation.evaluate(template, CPU).scores
    assert evaluation.describe().count == 20


def test_a_classifier_of_other_classes_is_refused():
    with pytest.raises(DarkroomError, match="the classifier has 7 classes, and digits has 10"):
        Classification(Digits(0, 5), (accuracy(),)).evaluate(lambda images: template(images)[:, :7], CPU)


def test_fingerprints_depend_on_labels():
    one, other = Digits(0, 50), Digits(0, 50)
    other.labels[7] = (other.labels[7] + 1) % 10
    prints = {Classification(digits, (accuracy(),)).fingerprint() for digits in (one, other, Digits(0, 50))}
    assert len(prints) == 2


def features(images: torch.Tensor) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.tanh(images.flatten(1) @ torch.randn(64, 40, generator=random) * 0.3)


@pytest.mark.parametrize("regularization", [1e-3, 0.1])
def test_the_probe_is_scikit_learns_ridge_classifier(regularization: float):
    train, test = Digits(0, 400), Digits(400, 700)
    evaluation = LinearProbe(train, test, (accuracy(),), regularization=regularization, batch_size=64)
    outcome = evaluation.evaluate(features, CPU)
    x, y = (features(part.pixels.float() / 255).double().numpy() for part in (train, test))
    reference = make_pipeline(StandardScaler(), RidgeClassifier(alpha=regularization * 400)).fit(x, train.labels)
    assert outcome.scores["accuracy_top1"].value == pytest.approx(reference.score(y, test.labels), abs=1e-9)
    assert outcome.scores["accuracy_top1"].count == 300 and outcome.scores["accuracy_top1"].value > 0.6
    ridge = Ridge(10, regularization)
    for start in range(0, 400, 100):
        ridge.update(torch.from_numpy(x[start : start + 100]), torch.tensor(train.labels[start : start + 100]))
    ours = ridge.fit()(torch.from_numpy(y))
    torch.testing.assert_close(ours, torch.from_numpy(reference.decision_function(y)), rtol=1e-6, atol=1e-8)


def test_constant_features_do_no_harm():
    def padded(images: torch.Tensor) -> torch.Tensor:
        return torch.cat([features(images), torch.full((len(images), 3), 0.7)], 1)

    train, test = Digits(0, 400), Digits(400, 500)
    evaluation = LinearProbe(train, test, (accuracy(),))
    assert evaluation.evaluate(padded, CPU).scores == evaluation.evaluate(features, CPU).scores


def test_a_probe_counts_both_sets_and_uses_the_methods_features():
    class Backbone(Method):
        features = staticmethod(features)

        def networks(self):
            return {}

        def losses(self, batch, step):
            yield from ()

        def predict(self, batch):
            raise NotImplementedError

    progress: list[tuple[int, int]] = []
    evaluation = LinearProbe(Digits(0, 100), Digits(100, 150), (accuracy(),), batch_size=50)
    assert evaluation.predictor(Backbone()) is features
    evaluation.evaluate(features, CPU, lambda *done: progress.append(done))
    assert progress == [(50, 150), (100, 150), (150, 150)]
    assert "fitted to digits" in evaluation.protocol() and len(evaluation) == 50
    other = LinearProbe(Digits(0, 90), Digits(100, 150), (accuracy(),))
    assert evaluation.fingerprint() != other.fingerprint()
