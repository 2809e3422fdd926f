"""Several training processes: which one this is."""

import os


def is_first() -> bool:
    """Whether this process prints and claims folders on its machine; a single process is the first."""
    return os.environ.get("LOCAL_RANK", "0") == "0"
