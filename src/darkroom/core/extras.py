"""Optional dependencies: how to install them."""


def install(extra: str) -> str:
    """The command that installs an extra of this package, in words for an error message.

    Example:
        >>> install("view")
        "run `pip install '.[view]'` in a clone of Darkroom"
    """
    return f"run `pip install '.[{extra}]'` in a clone of Darkroom"
