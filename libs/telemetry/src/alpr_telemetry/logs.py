"""The one set-up of logging; call `configure` first in `main`, nowhere else."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from alpr_telemetry.secrets import scrub


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """How much is logged, and how it looks.

    Attributes:
        form: json for machines, console for a person at a terminal.
    """

    level: Literal["debug", "info", "warning", "error"] = "info"
    form: Literal["json", "console"] = "json"


def configure(service: str, settings: TelemetrySettings = TelemetrySettings(), stream: TextIO | None = None) -> None:
    """Send all loggers, ours and the libraries', to `stream` (stdout); each line names `service`."""

    def add_service(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {**event, "service": service}

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_service,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(_formatter(shared, settings))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())


def _formatter(shared: list[Processor], settings: TelemetrySettings) -> logging.Formatter:
    last: Processor = (
        structlog.processors.JSONRenderer() if settings.form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _format_exception,  # without local variables: they hold plates and passwords
            _scrub_values,
            last,
        ],
    )


def _format_exception(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    return structlog.processors.format_exc_info(logger, name, event)


def _scrub_values(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {key: _scrubbed(value) for key, value in event.items()}


def _scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Exception):
        return scrub(str(value))
    return value
