"""The servers that the agent's own variables name: their names, their ports, their certificates. Nothing is sent."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from alpr_edge_agent.doctor.facts import Hop, Sinks, Stage
from alpr_images.addresses import bare_address
from alpr_kafka.settings import KafkaSettings, RegistrySettings

WITHIN_S: Final = 5.0
KAFKA: Final = "KAFKA_BOOTSTRAP_SERVERS"
REGISTRY: Final = "SCHEMA_REGISTRY_URL"
IMAGES: Final = "ALPR_AGENT_IMAGES_URL"
ENDPOINT: Final = "ALPR_AGENT_IMAGES_ENDPOINT"
_AMAZON: Final = "https://s3.{region}.amazonaws.com"


def look_at_sinks() -> Sinks:
    """Each server on the way out, tried to its certificate."""
    hops: list[Hop] = []
    errors: list[str] = []
    for look in (_kafka, _registry, _images):
        try:
            hops += look()
        except (ValidationError, ValueError) as e:
            errors.append(_said(e))
    unset = tuple(name for name in (KAFKA, REGISTRY, IMAGES) if not os.environ.get(name))
    return Sinks(tuple(hops), unset, tuple(errors))


def _said(error: ValidationError | ValueError) -> str:
    """What is wrong, by variable; never what was given, which may be a password."""
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False))


def _kafka() -> Iterator[Hop]:
    if not os.environ.get(KAFKA):
        return
    told = KafkaSettings()
    encrypted = told.security_protocol.endswith("SSL")
    for server in told.bootstrap_servers.split(","):
        host, _, port = server.strip().rpartition(":")
        if not host or not port.isdigit():
            raise ValueError(f"{KAFKA}: {server.strip()!r} is no host:port")
        own = (told.ssl_certificate_file, told.ssl_key_file) if encrypted else (None, None)
        yield tried(Hop("broker", KAFKA, host.strip("[]"), int(port), encrypted), told.ssl_ca_file, own)


def _registry() -> Iterator[Hop]:
    if os.environ.get(REGISTRY):
        told = RegistrySettings()
        yield tried(_hop_of("schema registry", REGISTRY, told.url), told.ca_file)


def _images() -> Iterator[Hop]:
    url = os.environ.get(IMAGES, "")
    if not url.startswith("s3://"):
        return
    region = os.environ.get("ALPR_AGENT_IMAGES_REGION", "us-east-1")
    endpoint = os.environ.get(ENDPOINT) or _AMAZON.format(region=region)
    try:
        bare_address(endpoint)
    except ValueError as e:
        raise ValueError(f"{ENDPOINT}: {e}") from None
    yield tried(_hop_of("object store", ENDPOINT, endpoint), None)


def _hop_of(what: str, variable: str, url: str) -> Hop:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{variable}: no http:// or https:// address")
    encrypted = parts.scheme == "https"
    return Hop(what, variable, parts.hostname, parts.port or (443 if encrypted else 80), encrypted)


def tried(hop: Hop, authorities: Path | None, own: tuple[Path | None, Path | None] = (None, None)) -> Hop:
    """`hop` with the first stage that fails. Blocks for some seconds at most."""

    def failed(stage: Stage, error: Exception) -> Hop:
        return replace(hop, failed=stage, error=_reason(error))

    try:
        context = _context(authorities, own) if hop.tls else None
    except OSError as e:  # SSLError is one: a file that is missing, or no certificate
        return failed("settings", e)
    try:
        line = socket.create_connection((hop.host, hop.port), timeout=WITHIN_S)
    except socket.gaierror as e:
        return failed("name", e)
    except OSError as e:
        return failed("connection", e)
    with line:
        try:
            if context is not None:
                context.wrap_socket(line, server_hostname=hop.host).close()
        except OSError as e:
            return failed("TLS", e)
    return hop


def _context(authorities: Path | None, own: tuple[Path | None, Path | None]) -> ssl.SSLContext:
    """Who is trusted: the file, or else the system's list, which SSL_CERT_FILE moves."""
    context = ssl.create_default_context(cafile=str(authorities) if authorities else None)
    if own[0] is not None:
        context.load_cert_chain(own[0], own[1])
    return context


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, TimeoutError):
        return f"no answer within {WITHIN_S:g} s"
    return str(getattr(error, "strerror", None) or error)
