"""Who served which camera, in which epoch and when; and what must never be found in that. Pure, but for the file."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Span:
    """A node served a camera in an epoch, from `since` to `until` (seconds of the clock)."""

    node: str
    camera: str
    uid: str
    epoch: int
    since: float
    until: float

    def line(self) -> str:
        """As it stands in a file, with its end of line."""
        told = asdict(self)
        return json.dumps({**told, "from": told.pop("since"), "to": told.pop("until")}) + "\n"


def read_spans(path: Path) -> list[Span]:
    """All spans of a file; a last line that was cut off is left out."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    told = (json.loads(line) for line in lines if line.endswith("\n"))
    return [
        Span(one["node"], one["camera"], one["uid"], one["epoch"], since=one["from"], until=one["to"]) for one in told
    ]


def served_twice(spans: Iterable[Span]) -> dict[tuple[str, int], set[str]]:
    """(uid, epoch) → nodes, where more than one node served a camera in one epoch."""
    nodes: dict[tuple[str, int], set[str]] = defaultdict(set)
    for span in spans:
        nodes[span.uid, span.epoch].add(span.node)
    return {key: where for key, where in nodes.items() if len(where) > 1}


def overlaps(spans: Iterable[Span], *, allowed_s: float = 0.0) -> Iterator[tuple[Span, Span]]:
    """Pairs of spans in which two nodes served a camera at one time, for longer than `allowed_s`.

    Each span is compared with that which, of those before it, ended last: every camera with an overlap is found.
    """
    by_camera: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        by_camera[span.uid].append(span)
    for told in by_camera.values():
        yield from _overlaps(sorted(told, key=lambda span: (span.since, span.until)), allowed_s)


def _overlaps(told: list[Span], allowed_s: float) -> Iterator[tuple[Span, Span]]:
    last: dict[str, Span] = {}
    for span in told:
        for node, other in last.items():
            if node != span.node and min(other.until, span.until) - span.since > allowed_s:
                yield other, span
        if span.node not in last or last[span.node].until < span.until:
            last[span.node] = span


def gaps_s(spans: Iterable[Span]) -> dict[str, float]:
    """Uid → seconds in which nobody served the camera between its first and its last span."""
    by_camera: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        by_camera[span.uid].append(span)
    return {uid: _gaps_s(sorted(told, key=lambda span: span.since)) for uid, told in by_camera.items()}


def _gaps_s(told: list[Span]) -> float:
    reached, found = told[0].until, 0.0
    for _, span in pairwise(told):
        found += max(0.0, span.since - reached)
        reached = max(reached, span.until)
    return found
