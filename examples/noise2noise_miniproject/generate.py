"""Write `Miniproject_2/framework.py`: all of `darkroom/scratch` in one file, so that the folder works when copied alone.

python examples/noise2noise_miniproject/generate.py
"""

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "darkroom" / "scratch"
TARGET = Path(__file__).parent / "Miniproject_2" / "framework.py"
PARTS = ("module", "activation", "loss", "convolution", "upsampling", "optimizer")
HEADER = '''"""A neural-network framework without autograd: every module knows its own derivative.

Written by `generate.py` from `darkroom/scratch`; change it there.
"""
'''


def framework() -> str:
    """The parts one after another, what they import from elsewhere once and first."""
    imports, bodies = set(), []
    for part in PARTS:
        text = (SOURCE / f"{part}.py").read_text(encoding="utf-8")
        tree = ast.parse(text)
        statements = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        imports |= {ast.unparse(node) for node in statements if not ast.unparse(node).startswith("from darkroom")}
        begin = max(node.end_lineno or 0 for node in (*statements, tree.body[0]))
        bodies.append(f"# {ast.get_docstring(tree)}\n\n\n" + "\n".join(text.splitlines()[begin:]).strip("\n"))
    standard = sorted(line for line in imports if "torch" not in line)
    foreign = sorted(line for line in imports if "torch" in line)
    first = "\n".join([*standard, "", *sorted(foreign, key=lambda line: (line.startswith("from"), line))])
    return "\n\n\n".join([HEADER + "\n" + first, *bodies]) + "\n"


if __name__ == "__main__":
    TARGET.write_text(framework(), encoding="utf-8")
    print(TARGET)
