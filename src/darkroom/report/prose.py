"""A recipe's docstring as paragraphs, commands, and text that is set as it is."""

import re
import textwrap
from dataclasses import dataclass, field

_COMMAND = re.compile(r"(\s*)(\S.*?)(?:\s{2,}(\S.*))?")
"""What is typed and, after a gap, what is said of it."""


@dataclass(frozen=True)
class Span:
    """Words of a paragraph; `code` where they stand between backticks."""

    text: str
    code: bool


@dataclass(frozen=True)
class Command:
    """A line to type, and what is said of it."""

    text: str
    remark: list[Span]


@dataclass(frozen=True)
class Block:
    """One of: a paragraph, commands one below the other, or lines to be set as they are."""

    spans: list[Span] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    lines: str = ""


def blocks(text: str) -> list[Block]:
    """The parts of a text, between empty lines: commands of Darkroom's, other indented lines, and paragraphs.

    Example:
        >>> first, second = blocks("Train with `--steps`:\\n\\n    darkroom train dncnn s25     a night;\\n                    one GPU")
        >>> first.spans[1], second.commands[0].text, second.commands[0].remark[0].text
        (Span(text='--steps', code=True), 'darkroom train dncnn s25', 'a night; one GPU')
    """
    found: list[Block] = []
    for part in re.split(r"\n\s*\n", text.strip("\n")):
        lines = [line.rstrip() for line in part.splitlines() if line.strip()]
        if lines and lines[0].lstrip().startswith("darkroom "):
            found.append(Block(commands=_commands(lines)))
        elif lines and all(line[0].isspace() for line in lines):
            found.append(Block(lines=textwrap.dedent("\n".join(lines))))
        elif lines:
            found.append(Block(spans=spans(" ".join(line.strip() for line in lines))))
    return found


def spans(text: str) -> list[Span]:
    """A text in words and code.

    Example:
        >>> [span.text for span in spans("as `laptop` does")]
        ['as ', 'laptop', ' does']
    """
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a backtick without its counterpart
        return [Span(text, False)]
    return [Span(part, number % 2 == 1) for number, part in enumerate(parts) if part]


def _commands(lines: list[str]) -> list[Command]:
    """Commands; a line that does not begin with one continues what is said of the one before."""
    found: list[tuple[str, str]] = []
    for line in lines:
        parts = _COMMAND.fullmatch(line)
        if parts and (not found or parts[2].startswith("darkroom ")):
            found.append((parts[2], parts[3] or ""))
        else:
            text, remark = found.pop()
            found.append((text, f"{remark} {' '.join(line.split())}".strip()))
    return [Command(text, spans(remark)) for text, remark in found]
