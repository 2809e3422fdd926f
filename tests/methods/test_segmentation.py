import torch

from darkroom.core.method import Example
from darkroom.methods.segmentation import Segmentation
from darkroom.networks.segmentation_network import SegmentationNetwork


class Fixed(SegmentationNetwork):
    """Returns given logits."""

    def __init__(self, logits: torch.Tensor) -> None:
        torch.nn.Module.__init__(self)
        self.logits = torch.nn.Parameter(logits)

    def forward(self, images):
        return self.logits


def test_the_loss_is_the_mean_over_labelled_pixels():
    random = torch.Generator().manual_seed(0)
    logits, ids = torch.randn(2, 3, 4, 5, generator=random), torch.randint(0, 4, (2, 1, 4, 5), generator=random)
    method = Segmentation(Fixed(logits), ignored=3)
    ((name, loss),) = method.losses(Example(torch.rand(2, 3, 4, 5), ids), 0)
    probabilities = logits.softmax(1).movedim(1, -1)[ids[:, 0] != 3]
    expected = -probabilities.gather(1, ids[:, 0][ids[:, 0] != 3][:, None]).log().mean()
    assert name == "network" and torch.allclose(loss, expected)
    loss.backward()
    gradient = method.network.logits.grad
    assert gradient.movedim(1, -1)[ids[:, 0] == 3].abs().max() == 0 < gradient.abs().max()


def test_a_batch_without_labelled_pixels_has_a_finite_loss():
    method = Segmentation(Fixed(torch.randn(1, 3, 4, 5)), ignored=3)
    ((_, loss),) = method.losses(Example(torch.rand(1, 3, 4, 5), torch.full((1, 1, 4, 5), 3)), 0)
    loss.backward()
    assert loss == 0 and method.network.logits.grad.isfinite().all()


def test_predictions_are_ids():
    logits = torch.randn(2, 7, 4, 5)
    found = Segmentation(Fixed(logits)).predict(Example(torch.rand(2, 3, 4, 5), torch.zeros(2, 1, 4, 5).long()))
    assert torch.equal(found[:, 0], logits.argmax(1)) and found.dtype == torch.int64
