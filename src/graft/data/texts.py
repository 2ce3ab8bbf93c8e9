"""One text, or a pair of texts, that can be told apart from others by its content."""

from __future__ import annotations

import codecs
import hashlib
from dataclasses import dataclass
from pathlib import Path

from graft.data.files import read_file
from graft.errors import DataError

TEXT_EXTENSIONS = frozenset({".txt", ".text"})
SHOWN_CHARACTERS = 60
MOST_FOREIGN = 0.25
"""Share of letters beyond ASCII up to which bytes may be Windows-1252."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text held in memory.

    Attributes:
        content: The text.
        name: Its place in a table, or its path.
        second: The second sentence of a pair, or None.
        encoding: Of the file it comes from.
    """

    content: str
    name: str
    second: str | None = None
    encoding: str = "utf-8"

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
    """The text of a file in UTF-8, or in what `decoded` tells apart from it.

    Raises:
        DataError: It cannot be read, is no such text or is empty; `found` is the reason alone.
    """
    content, encoding = decoded(read_file(path))
    content = content.replace("\r\n", "\n").replace("\r", "\n")
    if not content.strip():
        raise DataError("the file holds no text")
    return Text(content, shown, encoding=encoding)


def decoded(content: bytes) -> tuple[str, str]:
    """The text of some bytes, and the encoding: UTF-8, UTF-16 with its mark, or Windows-1252.

    Windows-1252, with which Latin-1 agrees in all that is written, fits nearly any bytes. It is
    taken only where few of the letters are beyond ASCII, as in the languages it was made for:
    Cyrillic, Greek or Japanese in an encoding of their own are refused.

    Raises:
        DataError: It is none of them; `found` is the reason alone.

    >>> decoded("Käse".encode("latin-1"))
    ('Käse', 'windows-1252')
    """
    marked = content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    for encoding in ("utf-8-sig", "utf-16" if marked else "windows-1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding != "windows-1252" or _is_western(text):
            return text, encoding.removesuffix("-sig")
    raise DataError("the file is not text in UTF-8")


def _is_western(text: str) -> bool:
    """Whether a text read as Windows-1252 is likely to be one."""
    letters = [letter for letter in text if letter.isalpha()]
    foreign = sum(not letter.isascii() for letter in letters)
    control = any(letter < " " and letter not in "\t\n\r\f" for letter in text)
    return not control and foreign <= MOST_FOREIGN * len(letters)


def abridged(text: str, most: int = SHOWN_CHARACTERS) -> str:
    """A text on one line of at most `most` characters.

    >>> abridged("one  two three", 8)
    'one two…'
    """
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"
