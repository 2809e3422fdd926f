"""Executes the notebooks of this folder and keeps what they show in them; no Jupyter is needed.

python examples/execute.py               # all of them
python examples/execute.py denoising     # one
"""

import ast
import contextlib
import io
import json
import sys
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def main() -> None:
    for name in sys.argv[1:] or sorted(path.stem for path in FOLDER.glob("*.ipynb")):
        path = FOLDER / f"{name}.ipynb"
        notebook = execute(read(path))
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB", flush=True)


def read(path: Path) -> dict[str, Any]:
    """A notebook."""
    return dict(json.loads(path.read_text(encoding="utf-8")))


def execute(notebook: dict[str, Any], settings: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The notebook with the outputs of its cells, executed one after another in this process.

    Args:
        notebook: what `read` returned.
        settings: new values of what the cell tagged "parameters" defines.
    """
    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))
    names: dict[str, Any] = {"__name__": "__main__"}
    cells, count = [], 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            count += 1
            outputs = _outputs("".join(cell["source"]), names, count)
            cell = {**cell, "execution_count": count, "outputs": outputs}
            if "parameters" in cell["metadata"].get("tags", ()):
                names.update(settings or {})
        cells.append(cell)
    return {**notebook, "cells": cells}


def _outputs(source: str, names: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """What a cell prints, and the value of its last expression."""
    tree, printed, value = ast.parse(source), io.StringIO(), None
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "<cell>", "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": printed.getvalue().splitlines(keepends=True)})
    if value is not None:
        outputs.append({"output_type": "execute_result", "execution_count": count, "metadata": {}, "data": _shown(value)})
    return outputs


def _shown(value: Any) -> dict[str, Any]:
    """A value as notebooks keep it: by its kind of content."""
    content = io.BytesIO()
    if hasattr(value, "_repr_markdown_"):
        return {"text/markdown": value._repr_markdown_().splitlines(keepends=True)}
    if hasattr(value, "savefig"):
        value.savefig(content, format="png", dpi=90)
        return {"image/png": b64encode(content.getvalue()).decode()}
    if hasattr(value, "convert"):
        value.convert("RGB").save(content, "jpeg", quality=88)
        return {"image/jpeg": b64encode(content.getvalue()).decode()}
    return {"text/plain": repr(value).splitlines(keepends=True)}


if __name__ == "__main__":
    main()
