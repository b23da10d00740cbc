"""Logging, set up once: all loggers, ours and the libraries', as one JSON line an event."""

from __future__ import annotations

from alpr_telemetry.logs import TelemetrySettings, configure
from alpr_telemetry.secrets import scrub

__all__ = ["TelemetrySettings", "configure", "scrub"]
