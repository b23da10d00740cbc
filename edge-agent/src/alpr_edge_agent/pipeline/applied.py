"""Which revision is acknowledged: one is applied when the cameras that it took away have closed their streams. Pure."""

from __future__ import annotations

from dataclasses import dataclass

LET_GO_WITHIN_S = 15.0


@dataclass(slots=True)
class Applied:
    """The acknowledged revision and the one on its way."""

    _applied: int = 0
    _coming: int = 0
    _begun_s: float = 0.0

    def begun(self, revision: int, now_s: float) -> None:
        """From now on the loop works by `revision`."""
        self._coming, self._begun_s = revision, now_s

    def revision(self, now_s: float, *, let_go: bool) -> int:
        """What to acknowledge.

        A stream that does not close within fifteen seconds stands in a native call; it gives no events any more, so the
        camera's next node need not wait for it.
        """
        if let_go or now_s - self._begun_s > LET_GO_WITHIN_S:
            self._applied = self._coming
        return self._applied
