"""Figures of the agent."""

from prometheus_client import Counter, Gauge

DELIVERED = Counter("alpr_agent_events_delivered_total", "Events taken out on acknowledgement.", ["topic"])
IMAGES = Counter("alpr_agent_images_total", "Pictures taken out of the spool, by outcome.", ["outcome"])
WAITING = Gauge("alpr_agent_outbox_events", "Events that wait in the outbox.")
REPORT_WRITES = Counter("alpr_agent_report_writes_total", "Writes of the EdgeReport, by outcome.", ["outcome"])
