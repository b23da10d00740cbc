"""Plate text: what counts as the same text, and what only looks alike."""

from __future__ import annotations

import unicodedata

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
"""Every character that normalised plate text can hold."""

# Plates of countries with Greek or Cyrillic script use only the letters that have a Latin twin (Vienna Convention on
# Road Traffic, annex 2), so that the twin is what another country's police would write down.
_TWINS = str.maketrans("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧАВЕКМНОРСТУХІØĐŁ", "ABEZHIKMNOPTYXABEKMHOPCTYXIODL")

_FOLDED = str.maketrans("OQDIZSGB", "00012568")

_ASCII_MARKS = {code: None for code in range(128) if chr(code) not in ALPHABET}

_SAME_SHAPE = ("", "<wide>", "<narrow>", "<font>")
"""Compatibility forms that are the letter itself; others (º, ², ①) are marks beside the text."""


def normalize(text: str) -> str:
    """Plate text as it is stored and compared: upper case, A-Z and 0-9 alone, in the order of `text`.

    Full-width forms, accents and letters with a Latin twin become that letter; all else falls away. May be empty.
    """
    if text.isascii():  # nearly all: no letter has other forms to look for
        return text.upper().translate(_ASCII_MARKS)
    plain = "".join(_same_shape(character) for character in text)
    decomposed = unicodedata.normalize("NFD", plain.upper())
    return "".join(c for c in decomposed.translate(_TWINS) if c in ALPHABET)


def fold(text: str) -> str:
    """A key that look-alikes share: O, Q and D as 0, I as 1, Z as 2, S as 5, G as 6, B as 8, after `normalize`.

    For search and for "is this the same vehicle?"; never shown, and never what accuracy is measured on.
    """
    return normalize(text).translate(_FOLDED)


def _same_shape(character: str) -> str:
    form = unicodedata.decomposition(character).partition(">")[0]
    tag = f"{form}>" if form.startswith("<") else ""
    if tag not in _SAME_SHAPE:
        return ""
    return unicodedata.normalize("NFKC", character) if tag else character
