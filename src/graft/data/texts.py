"""One text, or a pair of texts, that can be told apart from others by its content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from graft.data.files import read_file
from graft.errors import DataError

TEXT_EXTENSIONS = frozenset({".txt", ".text"})
SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Text:
    """A text held in memory.

    Attributes:
        content: The text.
        name: Its place in a table, or its path.
        second: The second sentence of a pair, or None.
    """

    content: str
    name: str
    second: str | None = None

    def digest(self) -> bytes:
        """SHA-256 of the text, and of the second one where there is one.

        >>> Text("a", "row 1").digest() == Text("a", "row 2").digest()
        True
        >>> Text("ab", "row 1").digest() == Text("a", "row 1", "b").digest()
        False
        """
        first = self.content.encode("utf-8", "surrogatepass")
        found = hashlib.sha256(len(first).to_bytes(8, "big") + first)
        if self.second is not None:
            found.update(b"\1" + self.second.encode("utf-8", "surrogatepass"))
        return found.digest()

    def shown(self) -> str:
        """The text on one line, both parts of a pair."""
        whole = self.content if self.second is None else f"{self.content} | {self.second}"
        return " ".join(whole.split())


def read_text(path: Path, shown: str) -> Text:
    """The text of a UTF-8 file.

    Raises:
        DataError: It cannot be read, is not UTF-8 or is empty; `found` is the reason alone.
    """
    try:
        content = read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError("the file is not text in UTF-8") from error
    content = content.replace("\r\n", "\n").replace("\r", "\n")
    if not content.strip():
        raise DataError("the file holds no text")
    return Text(content, shown)


def abridged(text: str, most: int = SHOWN_CHARACTERS) -> str:
    """A text on one line of at most `most` characters.

    >>> abridged("one  two three", 8)
    'one two…'
    """
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"
