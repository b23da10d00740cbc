"""`alpr-search-indexer`: settings from the environment, one process, until SIGTERM."""

from __future__ import annotations

import sys
from threading import Event

from alpr_kafka.service import Told, serve
from alpr_search_indexer import service
from alpr_search_indexer.errors import Misdeployed
from alpr_search_indexer.settings import IndexerSettings


def _run(_: IndexerSettings, stop: Event, told: Told) -> None:
    service.run(stop, told)


def main() -> None:
    """The entry point; ends the process."""
    status = serve(
        "search-indexer", IndexerSettings, lambda _, stop, told: service.run(stop, told), stops=(Misdeployed,)
    )
    sys.exit(status)


if __name__ == "__main__":
    main()
