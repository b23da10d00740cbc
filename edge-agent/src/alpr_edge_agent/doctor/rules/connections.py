"""Cameras in, sinks out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from alpr_edge_agent.doctor.facts import CameraSeen, Hop, Sinks
from alpr_edge_agent.doctor.findings import Finding, Group

CAMERAS: Final = Group("cameras")
SINKS: Final = Group("sinks")
_UNSET: Final = {
    "KAFKA_BOOTSTRAP_SERVERS": "events stay in the outbox",
    "SCHEMA_REGISTRY_URL": "events cannot be framed",
    "ALPR_AGENT_IMAGES_URL": "pictures stay in the spool",
}
_ADVICE: Final = {
    "name": "correct {variable}, or the name service of this machine (in a pod: CoreDNS)",
    "connection": "is it up, and does every firewall and NetworkPolicy let {host}:{port} through?",
    "TLS": "is {host} in its certificate, and does the file of authorities hold who signed it? Is the clock right?",
    "settings": "correct {variable}",
}


def cameras(seen: Iterable[CameraSeen]) -> Iterator[Finding]:
    """Whether each camera gives a picture."""
    for camera in seen:
        if camera.error:
            reason, _, advice = camera.error.partition("; ")
            yield CAMERAS.problem(camera.name, f"{camera.where}: {reason}", advice or "look at the camera itself")
        else:
            yield CAMERAS.ok(camera.name, f"{camera.where}: {camera.stream}, a picture after {camera.after_s:.1f} s")


def sinks(seen: Sinks) -> Iterator[Finding]:
    """Each server on the way out, and the stage at which one fails."""
    for told in seen.errors:
        yield SINKS.problem("settings", told, "correct the variable; on a node: `sinks` in the site's values")
    for variable in seen.unset:
        advice = "on a node: `sinks.config` of chart alpr-site sets it"
        yield SINKS.warning(variable, f"not set: {_UNSET.get(variable, 'left out')}", advice)
    yield from map(_hop, seen.hops)


def _hop(hop: Hop) -> Finding:
    check = f"{hop.what} {hop.host}:{hop.port}"
    if hop.failed:
        advice = _ADVICE[hop.failed].format(variable=hop.variable, host=hop.host, port=hop.port)
        return SINKS.problem(check, f"fails at its {hop.failed}: {hop.error}", advice)
    how = "TLS, its certificate is good" if hop.tls else "connected, without TLS"
    return SINKS.ok(check, f"{how}; a login was not tried")
