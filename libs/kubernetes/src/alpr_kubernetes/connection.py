"""Where the API server is and who we are there: in a pod, or by a kubeconfig with a token or a client certificate.

Exec plug-ins of kubeconfigs are not run here: people's own machines reach a cluster by `kubectl`.
"""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ACCOUNT_DIR = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TOKEN_KEPT_S = 60.0


class NoConnection(Exception):
    """There is no cluster to speak to; the message says what to set."""


@dataclass(frozen=True)
class Connection:
    """How to reach an API server.

    Attributes:
        server: its address, without a slash at the end.
        token: gives the bearer token of this moment (they are renewed on disk); None with a client certificate.
        ca_data: the certificates that may sign the server's, PEM; None for the system's.
        client_cert: paths of our certificate and key.
    """

    server: str
    namespace: str = "default"
    token: Callable[[], str] | None = field(default=None, repr=False)
    ca_data: str | None = field(default=None, repr=False)
    client_cert: tuple[str, str] | None = None
    verify: bool = True

    def ssl_context(self) -> ssl.SSLContext | None:
        """What TLS shall check; None for plain HTTP."""
        if not self.server.startswith("https:"):
            return None
        context = ssl.create_default_context(cadata=self.ca_data)
        if self.client_cert:
            context.load_cert_chain(*self.client_cert)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def connect(kubeconfig: Path | None = None, context: str | None = None) -> Connection:
    """By `kubeconfig` where given, else as the pod that we are. Raises NoConnection."""
    if kubeconfig is not None:
        return from_kubeconfig(kubeconfig, context)
    return in_cluster()


def in_cluster(account: Path = ACCOUNT_DIR) -> Connection:
    """As the pod that we are. Raises NoConnection outside a cluster."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host or not (account / "token").exists():
        raise NoConnection("This is no pod with a ServiceAccount, and no kubeconfig is named: give --kubeconfig FILE.")
    address = f"[{host}]" if ":" in host else host
    return Connection(
        server=f"https://{address}:{port}",
        namespace=(account / "namespace").read_text().strip(),
        token=renewed(account / "token"),
        ca_data=(account / "ca.crt").read_text(),
    )


def from_kubeconfig(path: Path, context: str | None = None) -> Connection:
    """By a kubeconfig file. Raises NoConnection, naming what the file lacks."""
    try:
        config = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as e:
        raise NoConnection(f"{path} cannot be read as a kubeconfig: {e}") from e
    chosen = _named(config, "contexts", context or config.get("current-context"), path)["context"]
    cluster = _named(config, "clusters", chosen.get("cluster"), path)["cluster"]
    user = _named(config, "users", chosen.get("user"), path)["user"]
    return Connection(
        server=cluster["server"].rstrip("/"),
        namespace=chosen.get("namespace", "default"),
        token=_user_token(user, path),
        ca_data=_text(cluster, "certificate-authority", path),
        client_cert=_client_cert(user, path),
        verify=not cluster.get("insecure-skip-tls-verify", False),
    )


def _named(config: dict[str, Any], section: str, name: str | None, path: Path) -> dict[str, Any]:
    for entry in config.get(section) or ():
        if entry.get("name") == name:
            return dict(entry)
    raise NoConnection(f"{path}: {section} has no entry named {name!r}")


def _user_token(user: dict[str, Any], path: Path) -> Callable[[], str] | None:
    if "token" in user:
        token = str(user["token"])
        return lambda: token
    if "tokenFile" in user:
        return renewed(path.parent / user["tokenFile"])
    if "exec" in user or "auth-provider" in user:
        raise NoConnection(f"{path}: its user is known by a plug-in; give a ServiceAccount's token or a certificate")
    return None


def _text(entry: dict[str, Any], key: str, path: Path) -> str | None:
    if f"{key}-data" in entry:
        return base64.b64decode(entry[f"{key}-data"]).decode()
    return (path.parent / entry[key]).read_text() if key in entry else None


def _client_cert(user: dict[str, Any], path: Path) -> tuple[str, str] | None:
    cert, key = _text(user, "client-certificate", path), _text(user, "client-key", path)
    if cert is None or key is None:
        return None
    return _kept(cert), _kept(key)


def _kept(pem: str) -> str:
    """A file for `pem` that only we can read: the TLS library takes no text."""
    handle, name = tempfile.mkstemp(suffix=".pem")
    with os.fdopen(handle, "w") as file:
        file.write(pem)
    return name


def renewed(path: Path) -> Callable[[], str]:
    """Reads a token file at most once a minute: the kubelet renews it there."""
    kept: list[tuple[float, str]] = []

    def token() -> str:
        now = time.monotonic()
        if not kept or now - kept[0][0] > _TOKEN_KEPT_S:
            kept[:] = [(now, path.read_text().strip())]
        return kept[0][1]

    return token
