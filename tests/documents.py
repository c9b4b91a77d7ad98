"""The documents as the tests read them: their blocks of code, the commands in those, and their links."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
DOCUMENTS = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]

_BLOCK = re.compile(
    r"^[ \t]*(?P<fence>```+)(?P<info>[^\n`]*)\n(?P<text>.*?)^[ \t]*(?P=fence)[ \t]*$", re.DOTALL | re.MULTILINE
)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_SUBSTITUTION = re.compile(r"\$\(([^()]*)\)")
_ASSIGNMENT = re.compile(r"^[A-Za-z_]\w*=")
_SEPARATORS = frozenset("();|&<>")
_RUNNERS = ("darkroom", "make", "python", "python3", "aws")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the word after that, its text, and the line that it begins on."""

    document: Path
    line: int
    language: str
    marker: str
    text: str

    def __str__(self) -> str:
        return f"{self.document.relative_to(CHECKOUT)}:{self.line}"


def blocks(document: Path) -> list[Block]:
    """Return the fenced blocks of ``document`` in order."""
    text = document.read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        language, _, marker = match["info"].strip().partition(" ")
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(document, line, language, marker.strip(), match["text"]))
    return found


def prose(document: Path) -> str:
    """Return the text of ``document`` without its fenced blocks."""
    return _BLOCK.sub("", document.read_text(encoding="utf-8"))


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of every command in the shell's ``text``, those inside ``$(…)`` included."""
    text = text.replace("\\\n", " ")
    while inner := _SUBSTITUTION.search(text):
        yield from commands(inner[1])
        text = f"{text[: inner.start()]}SUBSTITUTED{text[inner.end() :]}"
    for line in text.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= _SEPARATORS:
                yield from _command(words)
                words = []
            else:
                words.append(word)


def spoken_commands(document: Path) -> Iterator[list[str]]:
    """Yield the commands that the prose of ``document`` names in `code`."""
    for span in _SPAN.findall(prose(document)):
        if span.split()[0] in _RUNNERS and len(span.split()) > 1:
            yield from commands(span)


def links(document: Path) -> list[str]:
    """Return where the links of ``document`` lead, but for those to other sites."""
    return [link for link in _LINK.findall(prose(document)) if "://" not in link and not link.startswith("mailto:")]


def anchors(document: Path) -> set[str]:
    """Return the anchors of the headings of ``document``, as GitHub makes them."""
    found: set[str] = set()
    for heading in _HEADING.findall(prose(document)):
        kept = "".join(each for each in heading.lower() if each.isalnum() or each in " -_")
        found.add(kept.replace(" ", "-"))
    return found


def _command(words: list[str]) -> Iterator[list[str]]:
    while words and _ASSIGNMENT.match(words[0]):
        words = words[1:]
    if words:
        # `.venv/bin/darkroom` is `darkroom`.
        yield [words[0].rpartition("/")[2], *words[1:]]
