"""The operator as a process of its own, as its Deployment runs it: started, asked, paused, killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import yaml
from prometheus_client.parser import text_string_to_metric_families

from alpr_testing.control_plane import ControlPlane
from alpr_testing.ports import free_port
from alpr_testing.waiting import until

_REPOSITORY = Path(__file__).parents[4]
QUICK: Mapping[str, Any] = {
    "listen_host": "127.0.0.1",
    "debounce_s": 0.05,
    "secret_poll_s": 1,
    "report_stale_s": 3,
    "lease": {"duration_s": 6, "renew_within_s": 4, "retry_s": 0.5},
}
"""Settings with short timers, for tests that wait for them."""


@dataclass
class Operated:
    """An operator process; a context manager that ends it.

    Attributes:
        kubeconfig: as whom it reaches the API server.
        folder: for its settings and its log.
        config: its settings, over QUICK.
    """

    kubeconfig: Path
    folder: Path
    namespace: str
    identity: str = "one"
    config: Mapping[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    port: int = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def log(self) -> Path:
        """Where it logs, over all its lives."""
        return self.folder / f"{self.identity}.log"

    def start(self) -> None:
        """Start it; `ready` waits until it works."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        config = self.folder / f"{self.identity}.yaml"
        told = {**QUICK, "namespace": self.namespace, "identity": self.identity, **self.config}
        config.write_text(yaml.safe_dump({**told, "listen_port": self.port}))
        command = [sys.executable, "-m", "alpr_operator", "run", "--config", str(config)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--kubeconfig", str(self.kubeconfig)], stdout=log, stderr=subprocess.STDOUT
            )

    def leading(self, within_s: float = 60) -> Self:
        """Wait until it leads and has listed everything."""
        until(
            lambda: self.metric("leader_election_master_status") == 1 and self.answers("/readyz"),
            within_s,
            "the operator leads",
        )
        return self

    def answers(self, path: str) -> bool:
        """Whether `path` answers with 200."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def metric(self, name: str, **labels: str) -> float:
        """The sum of all samples `name` with `labels`; 0 where there is none or nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except (urllib.error.URLError, OSError):
            return 0.0
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def _nothing_waits(self) -> bool:
        return self.metric("workqueue_depth") == 0 and self.metric("alpr_operator_writes_waiting") == 0

    def writes(self) -> float:
        """Objects written in this life of the process."""
        return self.metric("alpr_writes_total")

    def idle(self, within_s: float = 60) -> Self:
        """Wait until nothing waits to be looked at or written."""
        until(self._nothing_waits, within_s, "nothing waits")
        return self

    def stop(self) -> int:
        """End it as Kubernetes does, by SIGTERM; its exit status."""
        if self.process is None:
            return 0
        self.process.terminate()
        return self.process.wait(30)

    def kill(self) -> None:
        """End it by SIGKILL."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)

    def pause(self) -> None:
        """Stop it amid whatever it does."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def resident_mib(self) -> float:
        """Its resident memory, in MiB."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(next(line for line in text.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024

    def cpu_s(self) -> float:
        """Processor seconds it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def pid(self) -> int:
        """Of the process that was started last. Raises RuntimeError where none was."""
        if self.process is None:
            raise RuntimeError("the operator was not started")
        return self.process.pid

    def _signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)


SYSTEM: Final = "alpr-system"
_INSTALLED: Final = (
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
)


def install_operator(plane: ControlPlane) -> Path:
    """Apply everything of the operator's chart but its Deployment; a kubeconfig of its own ServiceAccount."""
    rendered = subprocess.run(
        [
            str(plane.programs / "helm"),
            "template",
            "alpr-operator",
            str(_REPOSITORY / "helm/alpr-operator"),
            "-n",
            SYSTEM,
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}}
    kept = [one for one in yaml.safe_load_all(rendered) if one and one["kind"] in _INSTALLED]
    plane.kubectl("apply", "-n", SYSTEM, "-f", "-", stdin=yaml.safe_dump_all([namespace, *kept]))
    return plane.kubeconfig_for("alpr-operator", SYSTEM)
