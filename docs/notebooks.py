"""The executed notebooks of `examples/` as pages of the documentation site; a hook of mkdocs, before `site.py`."""

import json
import re
from base64 import b64decode
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

FOLDER = Path(__file__).parents[1] / "examples"


def on_files(files: Files, config: Any) -> Files:
    """Add a page for each notebook, and the images on it."""
    for path in sorted(FOLDER.glob("*.ipynb")):
        text, images = page(json.loads(path.read_text(encoding="utf-8")), path.stem)
        files.append(File.generated(config, f"examples/{path.stem}.md", content=text))
        for name, content in images.items():
            files.append(File.generated(config, f"examples/{name}", content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links to notebooks lead to their pages."""
    return re.sub(r"\]\((?:\.\./)+examples/(\w+)\.ipynb\)", r"](../examples/\1.md)", markdown)


def page(notebook: dict[str, Any], name: str) -> tuple[str, dict[str, bytes]]:
    """A notebook as Markdown, and its images by the names of their files."""
    parts, images = list[str](), dict[str, bytes]()
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(re.sub(r"\]\(\.\./docs/", "](../", source))
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            parts.append(_output(output, f"{name}-{len(images)}", images))
    text = "\n\n".join(part for part in parts if part)
    link = f"*The notebook: `examples/{name}.ipynb`, executed by `python examples/execute.py {name}`.*"
    title, _, rest = text.partition("\n")
    return f"{title}\n\n{link}\n{rest}\n", images


def _output(output: dict[str, Any], name: str, images: dict[str, bytes]) -> str:
    """What a cell has shown; an image becomes a file."""
    if output["output_type"] == "stream":
        return "```text\n" + "".join(output["text"]).rstrip() + "\n```"
    data = output["data"]
    for kind, ending in (("image/jpeg", "jpg"), ("image/png", "png")):
        if kind in data:
            images[f"{name}.{ending}"] = b64decode(data[kind])
            return f"![Result of the cell above]({name}.{ending})"
    return "".join(data["text/markdown"]) if "text/markdown" in data else "```text\n" + "".join(data["text/plain"]) + "\n```"
