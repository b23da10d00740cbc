"""What `cameras` shows: one line a camera. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from alpr_operator.kube.fleet import QUARANTINE, Turn, ago, annotation, at, condition, name_of, namespace_of
from alpr_operator.kube.kubectl import Object
from alpr_operator.kube.tables import Cell, Sheet, told


@dataclass(frozen=True, slots=True)
class CameraRow:
    """One camera; `since` is when Streaming last turned."""

    namespace: str
    name: str
    site: str
    enabled: bool
    node: str | None
    pinned: str | None
    epoch: int | None
    units: int | None
    priority: int
    protocol: str
    assigned: Turn
    streaming: Turn
    credentials: Turn
    deleting: bool

    @property
    def streams(self) -> bool:
        """Whether its pictures come in, as far as is known."""
        return self.streaming.status == "True"


def camera_rows(
    cameras: Iterable[Object], *, site: str | None = None, node: str | None = None, not_streaming: bool = False
) -> list[CameraRow]:
    """One row for each camera that passes all filters; one that is switched off is not missed among those streaming."""
    rows = [_row(camera) for camera in cameras]
    return [
        row
        for row in rows
        if site in (None, row.site)
        and node in (None, row.node)
        and not (not_streaming and (row.streams or not row.enabled))
    ]


def _row(camera: Object) -> CameraRow:
    return CameraRow(
        namespace=namespace_of(camera),
        name=name_of(camera),
        site=str(at(camera, "spec", "siteRef", "name") or ""),
        enabled=at(camera, "spec", "enabled") is not False and annotation(camera, QUARANTINE) != "true",
        node=at(camera, "status", "nodeName"),
        pinned=at(camera, "spec", "placement", "nodeName"),
        epoch=at(camera, "status", "epoch"),
        units=at(camera, "status", "costUnits"),
        priority=int(100 if (given := at(camera, "spec", "priority")) is None else given),
        protocol=str(at(camera, "spec", "source", "protocol") or ""),
        assigned=condition(camera, "Assigned"),
        streaming=condition(camera, "Streaming"),
        credentials=condition(camera, "CredentialsValid"),
        deleting=bool(at(camera, "metadata", "deletionTimestamp")),
    )


def sheet(rows: Sequence[CameraRow], now: datetime, *, namespaces: bool, wide: bool) -> Sheet:
    """As a table; `wide` adds what it costs, its priority and epoch, and the words of what is wrong."""
    first = ("NAMESPACE",) if namespaces else ()
    last = ("UNITS", "PRIORITY", "EPOCH", "SOURCE", "MESSAGE") if wide else ()
    return Sheet(
        (*first, "CAMERA", "SITE", "NODE", "STATE", "SINCE", *last),
        tuple(_line(row, now, namespaces=namespaces, wide=wide) for row in rows),
    )


def _line(row: CameraRow, now: datetime, *, namespaces: bool, wide: bool) -> tuple[Cell, ...]:
    turn, state = _state(row)
    cells = [Cell(row.namespace)] if namespaces else []
    node = Cell(f"{row.node} (pinned)" if row.pinned == row.node else row.node) if row.node else Cell("-", "dim")
    cells += [Cell(row.name), Cell(row.site), node, state, Cell(ago(turn.since, now), "dim")]
    if wide:
        figures = (row.units, row.priority, row.epoch)
        cells += [Cell("-" if figure is None else str(figure)) for figure in figures]
        cells += [Cell(row.protocol), Cell(turn.message)]
    return tuple(cells)


def _state(row: CameraRow) -> tuple[Turn, Cell]:
    """The one thing to know first: the earliest step that is not as it should be."""
    if row.deleting:
        return Turn(), Cell("Deleting", "wait")
    if not row.enabled:
        return row.assigned, Cell("Disabled", "dim")
    for turn in (row.assigned, row.credentials):
        if turn.status == "False":
            return turn, Cell(turn.reason, "wait" if turn.reason in ("Releasing", "Waiting") else "bad")
    if row.streaming.status == "True":
        return row.streaming, Cell("Streaming", "good")
    if row.streaming.reason == "Connecting":
        return row.streaming, Cell("Connecting", "wait")
    return row.streaming, told(row.streaming.status, row.streaming.reason)
