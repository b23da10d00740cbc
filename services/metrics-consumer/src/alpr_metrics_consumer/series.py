"""The latest figure of each (host, site, type, name), bounded and forgotten when it grows stale: pure."""

from __future__ import annotations

import math
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

TOMBSTONE = "alpr_events_lost"  # the storage consumer's ledger counts what was lost; a gauge of it would say nothing
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]*")
_LABEL_CHARACTERS = 100
_FORGET_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Labels:
    """What tells one series from another."""

    host: str
    site: str
    metric_type: str
    name: str


@dataclass(frozen=True, slots=True)
class Sample:
    """A figure; `measured_at` in seconds since 1970 by the clock of its host."""

    labels: Labels
    value: float
    measured_at: float


class Outcome(StrEnum):
    """What became of a sample."""

    EXPOSED = "exposed"
    OLDER = "older"  # a later figure of the series is known
    STALE = "stale"  # measured too long ago to be called current: a backlog, or a host whose clock is slow
    FUTURE = "future"  # measured later than now: a host whose clock is fast
    NOT_ALLOWED = "not_allowed"
    NOT_FINITE = "not_finite"
    OVERFLOW = "overflow"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What may be exposed.

    Attributes:
        allow: patterns of metric names, as in `gpu_*`; a name that fits none is not exposed.
        max_series: of all hosts together.
        max_series_a_host: so that one host cannot take the room of the others.
        max_hosts: how many hosts' last sign is kept.
        stale_after_s: a series without a figure for so long is forgotten.
        ahead_s: how far ahead a host's clock may be.
        host_kept_s: how long a silent host's last sign is exposed, for alerts.
    """

    allow: Sequence[str] = ("*",)
    max_series: int = 2000
    max_series_a_host: int = 100
    max_hosts: int = 1000
    stale_after_s: float = 300.0
    ahead_s: float = 300.0
    host_kept_s: float = 86_400.0

    def allows(self, name: str) -> bool:
        """Whether `name` may become a label."""
        fits = any(fnmatchcase(name, pattern) for pattern in self.allow)
        return fits and name != TOMBSTONE and _NAME.fullmatch(name) is not None


@dataclass
class Series:
    """The latest figures; written by one thread, read by scrapes."""

    bounds: Bounds
    _latest: dict[Labels, Sample] = field(default_factory=dict)
    _seen: dict[tuple[str, str], float] = field(default_factory=dict)
    _of_host: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _forgot_at: float = -math.inf

    def offer(self, sample: Sample, now: float) -> Outcome:
        """Take `sample` where it is current, allowed and has room."""
        with self._lock:
            return self._judged(sample, now) or self._take(sample, now)

    def current(self, now: float) -> list[Sample]:
        """The figures that are not stale, in no order."""
        with self._lock:
            self._forget(now)
            return list(self._latest.values())

    def hosts(self, now: float) -> Mapping[tuple[str, str], float]:
        """When each (host, site) last gave a figure, in seconds since 1970."""
        with self._lock:
            self._forget(now)
            return dict(self._seen)

    def _judged(self, sample: Sample, now: float) -> Outcome | None:
        known = self._latest.get(sample.labels)
        reasons = (
            (Outcome.NOT_ALLOWED, not self.bounds.allows(sample.labels.name)),
            (Outcome.NOT_FINITE, not math.isfinite(sample.value)),
            (Outcome.STALE, sample.measured_at < now - self.bounds.stale_after_s),
            (Outcome.FUTURE, sample.measured_at > now + self.bounds.ahead_s),
            (Outcome.OLDER, known is not None and sample.measured_at < known.measured_at),
        )
        return next((outcome for outcome, applies in reasons if applies), None)

    def _take(self, sample: Sample, now: float) -> Outcome:
        if sample.labels not in self._latest and not self._room(sample.labels.host):
            if now - self._forgot_at >= _FORGET_EVERY_S:  # a flood of new names costs no pass over all of them each
                self._forget(now)
            if not self._room(sample.labels.host):
                return Outcome.OVERFLOW
        if sample.labels not in self._latest:
            self._of_host[sample.labels.host] += 1
        self._latest[sample.labels] = sample
        self._note_host(sample, now)
        return Outcome.EXPOSED

    def _room(self, host: str) -> bool:
        return len(self._latest) < self.bounds.max_series and self._of_host[host] < self.bounds.max_series_a_host

    def _note_host(self, sample: Sample, now: float) -> None:
        key = (sample.labels.host, sample.labels.site)
        if key in self._seen or len(self._seen) < self.bounds.max_hosts:
            self._seen[key] = max(self._seen.get(key, 0.0), min(sample.measured_at, now))

    def _forget(self, now: float) -> None:
        self._forgot_at = now
        oldest = now - self.bounds.stale_after_s
        for labels in [key for key, sample in self._latest.items() if sample.measured_at < oldest]:
            del self._latest[labels]
            self._of_host[labels.host] -= 1
            if not self._of_host[labels.host]:
                del self._of_host[labels.host]
        for key in [key for key, at in self._seen.items() if at < now - self.bounds.host_kept_s]:
            del self._seen[key]


def label(text: str | None) -> str:
    """`text` as a label's value: short, and without control characters; a missing one is empty."""
    return "".join(c for c in (text or "")[:_LABEL_CHARACTERS] if c.isprintable())


def labelled(samples: Sequence[Sample]) -> Iterator[tuple[list[str], float]]:
    """(label values, value) of each sample, as a gauge of Prometheus takes them."""
    for sample in samples:
        labels = sample.labels
        yield [labels.host, labels.site, labels.metric_type, labels.name], sample.value
