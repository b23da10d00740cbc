"""`alpr-dlq-consumer`: settings from the environment, one process, until SIGTERM."""

from __future__ import annotations

import sys

from alpr_dlq_consumer import service
from alpr_dlq_consumer.settings import LettersSettings
from alpr_kafka.service import serve


def main() -> None:
    """The entry point; ends the process."""
    sys.exit(serve("dlq-consumer", LettersSettings, service.run))


if __name__ == "__main__":
    main()
