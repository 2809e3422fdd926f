"""Which of several training processes this one is."""

import os


def is_first() -> bool:
    """Whether this process speaks and claims folders on its machine; the only process is the first."""
    return os.environ.get("LOCAL_RANK", "0") == "0"
