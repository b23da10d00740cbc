"""What a broker of the tests is told: its listeners, who may come in by which, and the certificates of that."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from alpr_testing.needs import needs
from alpr_testing.ports import lasting_port

# May do all; and one who may log in and do nothing.
USERS = {"alpr": "alpr-test-password", "stranger": "stranger-test-password"}
CERTIFICATE_NAME = "alpr-client"


@dataclass(frozen=True, slots=True)
class Ports:
    """Of 127.0.0.1, the same over restarts.

    Attributes:
        plain: PLAINTEXT, everything allowed.
        sasl: SASL_SSL with SCRAM-SHA-512.
        tls: SSL; wants a client's certificate.
        proxied: PLAINTEXT, for a proxy in front of it.
        proxy: where the broker says that `proxied` is to be reached.
        controller: of KRaft.
    """

    plain: int
    sasl: int
    tls: int
    proxied: int
    proxy: int
    controller: int

    @classmethod
    def free(cls) -> Ports:
        """Ports that nobody listens on now."""
        return cls(*(lasting_port() for _ in range(6)))


def make_certificates(folder: Path) -> None:
    """An authority (`ca.crt`), a key store of the broker (`broker.pem`), a client's `client.crt` and `client.key`."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ("-newkey", "rsa:2048", "-nodes")
    _openssl(folder, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-days", "30", "-subj", "/CN=tests")
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for name, subject in (("broker", "localhost"), ("client", CERTIFICATE_NAME)):
        _openssl(folder, "req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={subject}")
        signer = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30", "-extfile", "names")
        _openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.crt", *signer)
    chain = [(folder / name).read_text() for name in ("broker.key", "broker.crt", "ca.crt")]
    (folder / "broker.pem").write_text("".join(chain))


def _openssl(folder: Path, *arguments: str) -> None:
    command = [needs("openssl", package="openssl"), *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def properties(folder: Path, ports: Ports, overrides: Mapping[str, str]) -> str:
    """The text of `server.properties` for a broker whose data and certificates lie in `folder`."""
    local = "127.0.0.1"
    listeners = {"PLAINTEXT": ports.plain, "SASL_SSL": ports.sasl, "SSL": ports.tls, "PROXIED": ports.proxied}
    advertised = {**listeners, "PROXIED": ports.proxy}
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    told = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{local}:{ports.controller}",
        "listeners": _addresses({**listeners, "CONTROLLER": ports.controller}),
        "advertised.listeners": _addresses(advertised),
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL,PROXIED:PLAINTEXT,"
        "CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": scram,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "broker.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(folder / "ca.crt"),
        "listener.name.ssl.ssl.client.auth": "required",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:ANONYMOUS;User:alpr;User:CN={CERTIFICATE_NAME}",
        "log.dirs": str(folder / "data"),
        "auto.create.topics.enable": "false",
        # A broker that was killed may come back only when its old session has ended: 9 s where nothing is said.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        **_single_copies(),
        **overrides,
    }
    return "".join(f"{key}={value}\n" for key, value in told.items())


def _addresses(listeners: Mapping[str, int]) -> str:
    return ",".join(f"{name}://127.0.0.1:{port}" for name, port in listeners.items())


def _single_copies() -> dict[str, str]:
    """There is one broker: its own topics cannot have three copies."""
    copies = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
    told = {f"{name}.replication.factor": "1" for name in copies}
    told |= {"transaction.state.log.min.isr": "1", "share.coordinator.state.topic.min.isr": "1"}
    return told | {"offsets.topic.num.partitions": "4", "transaction.state.log.num.partitions": "4"}
