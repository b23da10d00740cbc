"""The one retry policy: exponential with full jitter, waited on the flag that ends the process.

Full jitter (a wait drawn from 0 to the current bound) keeps a fleet from coming back in step; the reasoning is in
AWS's article "Exponential Backoff And Jitter" (2015).
"""

from __future__ import annotations

import random
from threading import Event as StopFlag

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_when_event_set
from tenacity.nap import sleep_using_event

FIRST_S = 0.2
MOST_S = 30.0
log = structlog.get_logger(__name__)


def full_jitter(failures: int, first_s: float, most_s: float, rng: random.Random | None = None) -> float:
    """Seconds to wait after `failures` earlier failures: drawn from 0 to a bound that doubles up to `most_s`."""
    bound = min(most_s, first_s * 2.0 ** min(failures, 16))
    return (rng or random.Random()).uniform(0.0, bound)  # noqa: S311 - jitter, no secret


def patience(
    stop: StopFlag, *, on: tuple[type[Exception], ...], first_s: float = FIRST_S, most_s: float = MOST_S
) -> Retrying:
    """Call the result with a function: it runs until it succeeds. Raises tenacity.RetryError once `stop` is set."""
    return Retrying(
        retry=retry_if_exception_type(on),
        wait=lambda state: full_jitter(state.attempt_number - 1, first_s, most_s),
        stop=stop_when_event_set(stop),
        sleep=sleep_using_event(stop),
        before_sleep=_tell,
    )


def _tell(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("will_try_again", attempt=state.attempt_number, wait_s=round(state.upcoming_sleep, 2), error=str(error))
