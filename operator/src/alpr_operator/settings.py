"""All the operator can be told: read once in `main`, then handed down."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

Seconds = Annotated[float, Field(gt=0)]
CONFIG_FILE = Path("/etc/ovr-alpr/operator.yaml")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Images(_Part):
    """The edge image where a site and its classes name none; by hardware."""

    cpu: str = "ovr-alpr/edge-agent:0.1.0-cpu"
    jetson: str = "ovr-alpr/edge-agent:0.1.0-jetson"


class LeaseSettings(_Part):
    """Who leads: client-go's figures.

    Attributes:
        name: of the Lease, in the operator's own namespace.
        duration_s: a Lease not renewed for so long may be taken.
        renew_within_s: a leader that could not renew for so long stops writing and ends.
        retry_s: how often it is renewed, and how often others try.
    """

    enabled: bool = True
    name: str = "alpr-operator"
    duration_s: Seconds = 15
    renew_within_s: Seconds = 10
    retry_s: Seconds = 2


class Budget(_Part):
    """Writes a second; wide until every site has had its first pass and its writes, narrow after.

    Attributes:
        urgent_per_s: assignments; burst twice that.
        lazy_per_s: children, statuses, Events.
        wide_per_s: both, at a cold start.
    """

    urgent_per_s: Seconds = 100
    lazy_per_s: Seconds = 50
    wide_per_s: Seconds = 400


class Watching(_Part):
    """How watches are kept alive (see kopf's settings of these names)."""

    server_timeout_s: int = Field(default=240, gt=0)
    client_timeout_s: int = Field(default=300, gt=0)
    inactivity_timeout_s: Seconds = 70
    chunk_size: int = Field(default=500, gt=0)


def _own_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


class Settings(BaseSettings):
    """The operator's settings: a YAML file, and the environment over it (ALPR_OPERATOR_LISTEN_PORT and so on).

    Attributes:
        kubeconfig: how to reach the API server; left out, as the pod that this is.
        namespace: the operator's own, for its Lease; left out, the connection's.
        identity: this replica's name in the Lease.
        workers: site passes at once.
        connections: requests at once.
        debounce_s: a changed site waits so long for further changes.
        sweep_s: each site is looked at anyway so often (± 20 %), and what was missed is found.
        secret_poll_s: how often named Secrets are read again; the operator may get them, not watch them.
        report_stale_s: an agent that has not applied its revision for so long is named in AgentsAvailable.
    """

    model_config = SettingsConfigDict(
        env_prefix="ALPR_OPERATOR_", env_nested_delimiter="__", extra="forbid", frozen=True, yaml_file=CONFIG_FILE
    )

    kubeconfig: Path | None = None
    namespace: str | None = None
    identity: str = Field(default_factory=_own_name)
    listen_host: str = "0.0.0.0"  # noqa: S104 - probes and Prometheus come from outside the pod
    listen_port: int = Field(default=8080, ge=0, le=65535)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_form: Literal["json", "console"] = "json"
    images: Images = Images()
    lease: LeaseSettings = LeaseSettings()
    budget: Budget = Budget()
    watching: Watching = Watching()
    workers: int = Field(default=8, ge=1, le=64)
    connections: int = Field(default=32, ge=1, le=256)
    debounce_s: float = Field(default=0.25, ge=0, le=10)
    sweep_s: Seconds = 600
    secret_poll_s: Seconds = 60
    report_stale_s: Seconds = 120
    drain_deadline_s: Seconds = 120

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given first wins: arguments, environment, file."""
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls)
