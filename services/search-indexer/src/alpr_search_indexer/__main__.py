"""`alpr-search-indexer`: settings from the environment, one process, until SIGTERM."""

from __future__ import annotations

import signal
import sys
import threading

import structlog
from pydantic import ValidationError

from alpr_kafka.errors import DeadLetterFlood
from alpr_kafka.errors import Misdeployed as KitMisdeployed
from alpr_search_indexer import parts, service
from alpr_search_indexer.errors import Misdeployed
from alpr_search_indexer.settings import IndexerSettings
from alpr_telemetry import configure
from alpr_telemetry.serving import Readiness, served

log = structlog.get_logger(__name__)


def run(stop: threading.Event) -> int:
    """Index until `stop`; the exit status is 2 where a person must change something."""
    readiness = Readiness()
    try:
        with served(IndexerSettings().metrics_port, readiness):
            service.run(stop, readiness.tell)
    except ValidationError as e:
        log.error("setting_wrong", fix=parts.faults(e))  # noqa: TRY400 - its text says it all
        return 2
    except (Misdeployed, KitMisdeployed, DeadLetterFlood) as e:
        log.error("indexer_stopped", kind=type(e).__name__, fix=str(e))  # noqa: TRY400 - its text says it all
        return 2
    log.info("indexer_ended")
    return 0


def main() -> None:
    """The entry point; ends the process."""
    configure("search-indexer")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    sys.exit(run(stop))


if __name__ == "__main__":
    main()
