"""`alpr-metrics-consumer`: settings from the environment, one process, until SIGTERM."""

from __future__ import annotations

import sys

from alpr_kafka.service import serve
from alpr_metrics_consumer import service
from alpr_metrics_consumer.settings import MetricsSettings


def main() -> None:
    """The entry point; ends the process."""
    sys.exit(serve("metrics-consumer", MetricsSettings, service.run))


if __name__ == "__main__":
    main()
