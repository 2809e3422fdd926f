"""The contract between what is learned from and the engine."""

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Stream(Protocol):
    """An endless, stateless source of samples.

    `sample(step, index)` is a function: whoever asks, whenever and in whatever order, gets the same. So a
    resumed run needs only the step, the number of workers changes nothing, and N processes that each
    take a part of the batch see together what one process would.
    """

    batch: int

    def sample(self, step: int, index: int) -> Any:
        """Sample `index` (below `batch`) of the batch that step `step` sees."""

    def open(self) -> None:
        """Check that the data is there and bring it into memory, before workers are started."""

    def arrived(self, batch: Any) -> Any:
        """The batch, once it lies on the device; where a sample only names a part of something large that is held there, that part."""
        return batch

    def describe(self) -> dict[str, Any]:
        """What a reader wants to know of the data, for the run's record.

        It has "set", "pictures", "samples a step", "sample" and "degradation", and may have "unit" (what samples are called),
        "split" (how what is judged is kept apart) and "remarks".
        """
