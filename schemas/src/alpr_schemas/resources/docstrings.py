"""What a class's docstring says of the class and of its attributes: the words that `kubectl explain` shows. Pure."""

from __future__ import annotations

import inspect
import re

_SECTION = re.compile(r"^Attributes:$", re.MULTILINE)
_ATTRIBUTE = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


def summary(docstring: str) -> str:
    """All before the section `Attributes:`, in one line."""
    return " ".join(_SECTION.split(inspect.cleandoc(docstring))[0].split())


def attributes(docstring: str) -> dict[str, str]:
    """Name → words of the section `Attributes:`, each in one line that begins with a capital."""
    sections = _SECTION.split(inspect.cleandoc(docstring), maxsplit=1)
    found = _ATTRIBUTE.findall(sections[1]) if len(sections) > 1 else []
    return {name: _sentence(" ".join(text.split())) for name, text in found}


def _sentence(words: str) -> str:
    return words if "://" in words.split(" ", maxsplit=1)[0] else words[0].upper() + words[1:]
