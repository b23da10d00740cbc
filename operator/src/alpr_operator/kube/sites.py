"""What `status` shows: one line a site, and for a single site all of its conditions. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alpr_operator.kube.fleet import Turn, ago, at, condition, name_of, namespace_of, paused, short_digest
from alpr_operator.kube.kubectl import Object
from alpr_operator.kube.tables import Cell, Sentence, Sheet, Tone, bar, told

_CONDITIONS: Final = (
    "Ready",
    "Reconciling",
    "Stalled",
    "CapacitySufficient",
    "AgentsAvailable",
    "RolloutProgressing",
)
_OWN_STEPS: Final = 4
_GOOD_WHEN_FALSE: Final = ("Stalled", "Reconciling", "RolloutProgressing")


@dataclass(frozen=True, slots=True)
class RolloutRow:
    """Where a rollout stands; `step` counts from 1, of `steps`."""

    phase: str
    updated: int
    total: int
    step: int
    steps: int
    message: str


@dataclass(frozen=True, slots=True)
class SiteRow:
    """One site."""

    namespace: str
    name: str
    ready: Turn
    paused: bool
    deleting: bool
    seen: bool
    cameras: int
    assigned: int
    streaming: int
    nodes: int
    nodes_ready: int
    units: int
    units_used: int
    detector: str | None
    reader: str | None
    rollout: RolloutRow | None
    conditions: dict[str, Turn]


def site_rows(sites: Iterable[Object]) -> list[SiteRow]:
    """One row a site, in the order given."""
    return [_row(site) for site in sites]


def _row(site: Object) -> SiteRow:
    def count(*path: str) -> int:
        return int(at(site, "status", *path) or 0)

    generation = at(site, "metadata", "generation")
    return SiteRow(
        namespace=namespace_of(site),
        name=name_of(site),
        ready=condition(site, "Ready"),
        paused=paused(site),
        deleting=bool(at(site, "metadata", "deletionTimestamp")),
        seen=generation is None or at(site, "status", "observedGeneration") == generation,
        cameras=count("cameras", "total"),
        assigned=count("cameras", "assigned"),
        streaming=count("cameras", "streaming"),
        nodes=count("nodes", "desired"),
        nodes_ready=count("nodes", "ready"),
        units=count("units", "total"),
        units_used=count("units", "used"),
        detector=at(site, "spec", "models", "detector", "digest"),
        reader=at(site, "spec", "models", "reader", "digest"),
        rollout=_rollout(site),
        conditions={kind: condition(site, kind) for kind in _CONDITIONS},
    )


def _rollout(site: Object) -> RolloutRow | None:
    state = at(site, "status", "rollout")
    if not state:
        return None
    step = int(state.get("step") or 0) + 1
    return RolloutRow(
        phase=str(state.get("phase", "Idle")),
        updated=int(state.get("updated") or 0),
        total=int(state.get("total") or 0),
        step=step,
        steps=max(step, _steps(site)),
        message=str(state.get("message") or ""),
    )


def _steps(site: Object) -> int:
    """How many waves a rollout has; the operator's own four where the spec names none."""
    told = at(site, "spec", "rollout") or {}
    if told.get("strategy") == "AllAtOnce":
        return 1
    return len(told.get("steps") or ()) or _OWN_STEPS


def sheet(rows: Sequence[SiteRow], *, namespaces: bool, wide: bool) -> Sheet:
    """As a table; `wide` adds the models and what Ready says."""
    first = ("NAMESPACE",) if namespaces else ()
    last = ("DETECTOR", "READER", "MESSAGE") if wide else ()
    headings = (*first, "SITE", "READY", "CAMERAS", "STREAMING", "NODES", "UNITS", "ROLLOUT", *last)
    return Sheet(headings, tuple(_line(row, namespaces=namespaces, wide=wide) for row in rows))


def _line(row: SiteRow, *, namespaces: bool, wide: bool) -> tuple[Cell, ...]:
    cells = [Cell(row.namespace)] if namespaces else []
    cells += [
        Cell(row.name),
        _ready(row),
        _share(row.assigned, row.cameras),
        _share(row.streaming, row.assigned),
        _share(row.nodes_ready, row.nodes),
        Cell(f"{row.units_used}/{row.units}", "wait" if row.units and row.units_used >= row.units else "plain"),
        _rolling(row.rollout),
    ]
    if wide:
        cells += [Cell(short_digest(row.detector)), Cell(short_digest(row.reader)), Cell(row.ready.message)]
    return tuple(cells)


def _ready(row: SiteRow) -> Cell:
    if row.deleting:
        return Cell("Deleting", "wait")
    if row.paused:
        return Cell("Paused", "wait")
    if not row.ready.status:
        return Cell("NotSeen", "bad")
    return told(row.ready.status, row.ready.reason)


def _share(have: int, want: int) -> Cell:
    return Cell(f"{have}/{want}", "plain" if have >= want else "wait")


def _rolling(rollout: RolloutRow | None) -> Cell:
    if rollout is None or rollout.phase == "Idle":
        return Cell("-", "dim")
    if rollout.phase == "RolledBack":
        return Cell("RolledBack", "bad")
    step = f" step {rollout.step}/{rollout.steps}" if rollout.steps > 1 else ""
    text = f"{bar(rollout.updated, rollout.total)} {rollout.updated}/{rollout.total}{step}"
    return Cell(text + (" (waits)" if rollout.phase == "Waiting" else ""), "wait")


def sentences(rows: Sequence[SiteRow], now: datetime) -> list[Sentence]:
    """Below the table: all conditions of a single site; of several, what is wrong and says why."""
    if len(rows) == 1:
        return [*_not_seen(rows[0]), *_conditions(rows[0], now), *_rollout_told(rows[0])]
    return [sentence for row in rows for sentence in (*_not_seen(row), *_wrong(row))]


def _not_seen(row: SiteRow) -> list[Sentence]:
    if row.seen:
        return []
    text = f"{row.name}: the operator has not taken up the last change; does it run, and does one replica lead?"
    return [Sentence(text, "wait")]


def _conditions(row: SiteRow, now: datetime) -> list[Sentence]:
    lines = [Sentence("")]
    for kind, turn in row.conditions.items():
        if turn.status:
            since = f" for {ago(turn.since, now)}" if turn.since else ""
            message = f": {turn.message}" if turn.message else ""
            lines.append(Sentence(f"{kind} is {turn.status}{since} ({turn.reason}){message}", _tone(kind, turn)))
    return lines


def _tone(kind: str, turn: Turn) -> Tone:
    if kind in _GOOD_WHEN_FALSE:
        if turn.status == "True":
            return "bad" if kind == "Stalled" else "wait"
        return "plain"
    tones: dict[str, Tone] = {"True": "good", "False": "bad"}
    return tones.get(turn.status, "wait")


def _rollout_told(row: SiteRow) -> list[Sentence]:
    return [Sentence(row.rollout.message, "wait")] if row.rollout and row.rollout.message else []


def _wrong(row: SiteRow) -> list[Sentence]:
    if row.ready.status in ("", "True") or row.paused or not row.ready.message:
        return []
    return [Sentence(f"{row.name}: {row.ready.message}", "bad" if row.ready.status == "False" else "wait")]
