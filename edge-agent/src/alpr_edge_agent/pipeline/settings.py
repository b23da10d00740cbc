"""All the pipeline can be told: read once in `main`, then handed down."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from pydantic_settings import BaseSettings, SettingsConfigDict

from alpr_edge_agent.decode import DecodeSettings
from alpr_edge_agent.detect import DetectorSettings
from alpr_edge_agent.recognize import RecognizerSettings


class PipelineSettings(BaseSettings):
    """The pipeline's settings; command line over environment (`ALPR_PIPELINE_DETECTOR__INPUT_SIZE=384`) over defaults.

    Attributes:
        data: the node's folder, see `alpr_edge_agent.folder`.
        agent_id: who numbers the events; empty takes the assignment's node name.
        once: end when every camera has ended, instead of waiting for changes.
        metrics_port: 0 serves none.
        metrics_host: the address that metrics are served on.
        outbox_max_bytes: events and pictures together.
        max_fps: frames a second of each camera that are looked at; 0 looks at all.
        motion_gate: frames without motion are not looked at.
        detector, recognizer, decode: the seams.
    """

    model_config = SettingsConfigDict(
        env_prefix="ALPR_PIPELINE_", env_nested_delimiter="__", extra="forbid", frozen=True, protected_namespaces=()
    )

    data: Path = Path("/var/lib/alpr")
    agent_id: str = ""
    once: bool = False
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 8001
    metrics_host: str = "127.0.0.1"
    outbox_max_bytes: PositiveInt = 2_000_000_000
    max_fps: NonNegativeFloat = 10.0
    motion_gate: bool = True
    stop_within_s: PositiveFloat = 5.0
    decode: DecodeSettings = Field(default_factory=DecodeSettings)
    detector: DetectorSettings = Field(default_factory=DetectorSettings)
    recognizer: RecognizerSettings = Field(default_factory=RecognizerSettings)
