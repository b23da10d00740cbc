"""Quarantine: which camera is charged with a crash of the pipeline, and who may run next. Pure; times are Unix seconds.

A crash is charged to the cameras that were inside a native call. Those are suspects: the next process admits them one
at a time, each on probation, while all others run. Three crashes in ten minutes charged to one camera take it out for
an hour, or until its configuration changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from alpr_edge_agent.crashes.marks import Mark

CRASHES = 3
WITHIN_S = 600.0
RETRY_AFTER_S = 3600.0
PROBATION_S = 15.0


class Record(BaseModel):
    """What is held against one camera.

    Attributes:
        fingerprint: of the configuration under which it happened; another one clears the record.
        crashes: when, oldest first.
        suspect: it has not run through a probation since its last crash.
        until: quarantined until then; 0 where it is not.
    """

    model_config = ConfigDict(frozen=True)

    fingerprint: str
    crashes: tuple[float, ...] = ()
    suspect: bool = False
    until: float = 0.0


class Ledger(BaseModel):
    """All records, and who was on probation when it was last written."""

    model_config = ConfigDict(frozen=True)

    records: dict[str, Record] = {}
    on_probation: str | None = None


class Admission(BaseModel):
    """Who may run: `free` at once, `suspects` one after the other, `quarantined` not before the time given."""

    model_config = ConfigDict(frozen=True)

    free: tuple[str, ...] = ()
    suspects: tuple[str, ...] = ()
    quarantined: dict[str, float] = {}


def culprits(marks: Sequence[Mark], thread: int | None, on_probation: str | None) -> tuple[str, ...]:
    """Whom to charge: the camera whose decoding thread crashed, else the one on probation, else all marked."""
    by_thread = tuple(mark.camera for mark in marks if thread and mark.thread == thread and "decode" in mark.stages)
    if by_thread:
        return by_thread
    marked = tuple(mark.camera for mark in marks)
    return (on_probation,) if on_probation in marked and on_probation is not None else marked


def charged(ledger: Ledger, cameras: Sequence[str], fingerprints: Mapping[str, str], now: float) -> Ledger:
    """`ledger` after a crash that `cameras` are charged with."""
    records = dict(ledger.records)
    for camera in cameras:
        before = records.get(camera, Record(fingerprint=fingerprints.get(camera, "")))
        crashes = (*(at for at in before.crashes if now - at < WITHIN_S), now)
        until = now + RETRY_AFTER_S if len(crashes) >= CRASHES else 0.0
        records[camera] = before.model_copy(update={"crashes": crashes, "suspect": True, "until": until})
    return Ledger(records=records)


def pruned(ledger: Ledger, fingerprints: Mapping[str, str], now: float) -> Ledger:
    """`ledger` without what no longer counts: cameras that are gone or configured anew, and old crashes."""
    kept = {}
    for camera, record in ledger.records.items():
        if fingerprints.get(camera) != record.fingerprint:
            continue
        served = 0.0 < record.until <= now
        crashes = () if served else tuple(at for at in record.crashes if now - at < WITHIN_S)
        left = record.model_copy(update={"crashes": crashes, "until": 0.0 if served else record.until})
        if left.crashes or left.suspect or left.until:
            kept[camera] = left
    return Ledger(records=kept, on_probation=ledger.on_probation)


def admission(ledger: Ledger, cameras: Sequence[str], now: float) -> Admission:
    """Who of `cameras` may run; suspects with the fewest crashes first, so that the innocent wait least."""
    quarantined = {name: r.until for name, r in ledger.records.items() if name in cameras and r.until > now}
    open_cases = {name: r for name, r in ledger.records.items() if name in cameras and name not in quarantined}
    suspects = sorted((n for n, r in open_cases.items() if r.suspect), key=lambda n: (len(open_cases[n].crashes), n))
    return Admission(
        free=tuple(name for name in cameras if name not in quarantined and name not in suspects),
        suspects=tuple(suspects),
        quarantined=quarantined,
    )


def acquitted(ledger: Ledger, camera: str) -> Ledger:
    """`ledger` after `camera` ran through its probation; its crashes are not forgotten, only old ones are."""
    record = ledger.records.get(camera)
    if record is None:
        return ledger
    records = {**ledger.records, camera: record.model_copy(update={"suspect": False})}
    return Ledger(records=records, on_probation=None if ledger.on_probation == camera else ledger.on_probation)
