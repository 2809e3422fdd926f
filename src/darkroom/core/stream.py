"""The contract between training data and the training loop."""

from typing import Any, Protocol, runtime_checkable

from darkroom.core.record import DataRecord


@runtime_checkable
class Stream(Protocol):
    """An endless, stateless source of training samples.

    `sample(step, index)` is a function of its arguments and the stream's seed. So a resumed run needs only the step, the number
    of workers changes nothing, and N processes that each take a part of the batch see together what one process would.
    """

    batch_size: int

    def sample(self, step: int, index: int) -> Any:
        """Sample `index` of step `step`; batch k of a step holds the indices from k · batch_size on."""

    def open(self) -> None:
        """Check that the data is there and read it into memory, before workers are started."""

    def on_device(self, batch: Any) -> Any:
        """Finish a batch on the training device, for samples that only index data held there."""
        return batch

    def describe(self) -> DataRecord:
        """What a run records of its training data; called after `open`."""

    def digests(self) -> dict[str, str]:
        """A digest of the content of every training image by its name; empty where that cannot be compared."""
        return {}
