"""All the API can be told: read once in `main`, then handed down."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ApiSettings(BaseSettings):
    """The API's settings; from the environment, as ALPR_API_HOST and so on.

    Attributes:
        images_url: where pictures are; left out, ALPR_IMAGES_URL, with ALPR_IMAGES_ENDPOINT and so on.
        host: where it listens; beyond this machine it starts only where the store holds a key.
        report_path: the agent's EdgeReport, for the cameras' health.
        pipeline_status_path: what the pipeline of this machine says of itself, fresher and with figures.
        require_key: ask for a key on this machine too.
        allowed_hosts: names beside its own that the API answers to.
        session_hours: how long a browser stays signed in.
    """

    model_config = SettingsConfigDict(env_prefix="ALPR_API_", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    database_url: SecretStr
    images_url: str | None = None
    report_path: Path | None = None
    pipeline_status_path: Path | None = None
    require_key: bool = False
    allowed_hosts: tuple[str, ...] = ()
    statement_timeout_s: float = Field(default=5.0, gt=0)
    session_hours: float = Field(default=12.0, gt=0)

    @property
    def asks_for_key(self) -> bool:
        """Whether callers must show a key."""
        return self.require_key or not is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
