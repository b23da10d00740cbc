"""The book of trials: what was measured, for which models and on which hardware, so that it is measured once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import structlog
from pydantic import TypeAdapter, ValidationError

from alpr_edge_agent.durable import write_durably
from alpr_edge_agent.models.chosen import ChosenModels
from alpr_edge_agent.trial import TrialResult

KEPT = 16
log = structlog.get_logger(__name__)
_ENTRIES = TypeAdapter(dict[str, TrialResult])


class TrialBook:
    """A file of results; one process writes it."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        self._path = path
        self._fingerprint = fingerprint
        self._entries = _read(path)

    def result(self, pair: ChosenModels) -> TrialResult | None:
        """What `pair` gave on this hardware."""
        return self._entries.get(self._key(pair))

    def note(self, pair: ChosenModels, result: TrialResult) -> None:
        """Keep `result`. A full disk is only said: it is measured again after a restart."""
        kept = {key: value for key, value in self._entries.items() if key != self._key(pair)}
        newest = dict(list(kept.items())[-(KEPT - 1) :])
        self._entries = {**newest, self._key(pair): result}
        try:
            write_durably(self._path, _ENTRIES.dump_json(self._entries))
        except OSError as e:
            log.warning("trial_not_noted", error=e.strerror)

    def _key(self, pair: ChosenModels) -> str:
        digests = [model.digest if model else "" for model in (pair.detector, pair.reader)]
        return hashlib.sha256("\n".join([self._fingerprint, *digests]).encode()).hexdigest()[:32]


def _read(path: Path) -> dict[str, TrialResult]:
    try:
        return _ENTRIES.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return {}
