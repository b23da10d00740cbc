"""The gates over restarts: how well plates were read under the models before is kept on disk."""

from __future__ import annotations

from pathlib import Path

import structlog
from pydantic import ValidationError

from alpr_edge_agent.agent.gates import GateMeter, ReadRecord
from alpr_edge_agent.durable import write_durably
from alpr_edge_agent.pipeline.status import PipelineStatus
from alpr_schemas.resources import ReportedGates

WRITE_EVERY_S = 300.0
log = structlog.get_logger(__name__)


class GateKeeper:
    """One thread calls it."""

    def __init__(self, path: Path, max_fps: float) -> None:
        self._path = path
        self._meter = GateMeter(max_fps, _read(path))
        self._written = self._meter.record
        self._written_s = float("-inf")

    def look(self, status: PipelineStatus | None, self_test: float | None, now_s: float) -> ReportedGates:
        """The gates now; writes the record when the models changed, and every five minutes where it did."""
        gates = self._meter.look(status, self_test, now_s)
        record = self._meter.record
        due = now_s - self._written_s > WRITE_EVERY_S and record != self._written
        if due or record.models != self._written.models:
            self._write(record, now_s)
        return gates

    def _write(self, record: ReadRecord, now_s: float) -> None:
        self._written, self._written_s = record, now_s
        try:
            write_durably(self._path, record.model_dump_json().encode())
        except OSError as e:
            log.warning("read_record_not_written", error=e.strerror)


def _read(path: Path) -> ReadRecord:
    try:
        return ReadRecord.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return ReadRecord()
