"""Characters that plate readers take for one another: one source for fusion, search and watch-lists.

The pairs are those that published error analyses of plate readers name again and again (O/0, 8/B, 6/G, 1/I, and
systematically W/H, Z/2, T/1: issues 197 of openalpr and 253 of ultimateALPR-SDK; Laroca et al., arXiv 1909.01754),
and the strokes that a small picture loses (D/0, S/5, C/G, E/F, M/N, V/Y, K/X, U/V). It says what may be mistaken,
not how often: frequencies are the reader's, which its posteriors state.
"""

from __future__ import annotations

from collections import defaultdict

PAIRS = (
    "O0", "D0", "Q0", "OD", "OQ", "I1", "L1", "T1", "IL", "IT", "Z2", "Z7", "17", "S5", "B8", "G6", "CG", "A4",
    "EF", "MN", "MW", "NH", "WH", "VY", "UV", "KX", "PR", "PF", "38", "69", "56", "08", "3B", "S8",
)  # fmt: skip
"""Each of two characters that are mistaken for one another."""


def _by_character() -> dict[str, str]:
    found: dict[str, list[str]] = defaultdict(list)
    for pair in PAIRS:
        first, second = pair[0], pair[1]
        found[first].append(second)
        found[second].append(first)
    return {character: "".join(others) for character, others in found.items()}


CONFUSABLE = _by_character()
"""Character → the characters that it is mistaken for; those without any are absent."""
