"""Figures of the agent."""

import structlog
from prometheus_client import Counter, Gauge, start_http_server

log = structlog.get_logger(__name__)

DELIVERED = Counter("alpr_agent_events_delivered_total", "Events taken out on acknowledgement.", ["topic"])
IMAGES = Counter("alpr_agent_images_total", "Pictures taken out of the spool, by outcome.", ["outcome"])
WAITING = Gauge("alpr_agent_outbox_events", "Events that wait in the outbox.")
REPORT_WRITES = Counter("alpr_agent_report_writes_total", "Writes of the EdgeReport, by outcome.", ["outcome"])


def serve_metrics(host: str, port: int) -> None:
    """Serve /metrics, unless `port` is 0; where that cannot be, the agent goes on without."""
    if not port:
        return
    try:
        start_http_server(port, host)
    except OSError as e:
        log.warning("metrics_not_served", host=host, port=port, error=e.strerror)
