"""A bound on the bytes a second that pictures may take of an uplink: a token bucket that holds one second's worth."""

from __future__ import annotations


class Bandwidth:
    """Says how long to wait; the caller waits, and owns the clock.

    Args:
        bytes_per_s: the bound. Over any time no more is sent than that, and one picture and one second's worth beyond.
    """

    def __init__(self, bytes_per_s: int) -> None:
        self._rate = float(bytes_per_s)
        self._balance = self._rate
        self._looked_at: float | None = None

    def wait_s(self, size_bytes: int, now_s: float) -> float:
        """Seconds to wait before `size_bytes` may go; they count as sent. `now_s` is monotonic.

        A picture larger than the bucket goes when the bucket is even, and leaves a debt that the next one waits for.
        """
        passed_s = 0.0 if self._looked_at is None else max(0.0, now_s - self._looked_at)
        balance = min(self._rate, self._balance + passed_s * self._rate)
        self._looked_at, self._balance = now_s, balance - size_bytes
        return max(0.0, -balance / self._rate)
