"""Docstrings as the documentation site reads them: an extension of griffe."""

import re
from typing import Any

import griffe


class Examples(griffe.Extension):
    """A section `Example:` holds doctests, as griffe's `Examples:` does."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rename the section."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(r"^(\s*)Example:\s*$", r"\1Examples:", obj.docstring.value, flags=re.MULTILINE)
