"""The agent's process on a Kubernetes node: flags, signals, exit."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from alpr_edge_agent.agent.node import SINKS, run_node
from alpr_edge_agent.agent.settings import NodeSettings
from alpr_edge_agent.agent.sinks import SinksWatch, take_variables
from alpr_edge_agent.errors import EdgeError
from alpr_telemetry import configure


@click.command("agent")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="The node's folder. [/var/lib/alpr]")
@click.option("--node-name", help="Of the Kubernetes node. [$NODE_NAME]")
@click.option("--namespace", help="Of the site. [$POD_NAMESPACE]")
@click.option("--kubeconfig", type=click.Path(dir_okay=False, path_type=Path), help="[the pod's ServiceAccount]")
@click.option("--metrics-port", type=click.IntRange(0, 65535), default=None, help="0 serves no metrics. [0]")
@click.option(
    "--sinks", type=click.Path(file_okay=False, path_type=Path), default=SINKS, show_default=True,
    help="Where the ConfigMap and the Secret of the sinks are mounted.",
)  # fmt: skip
def agent_command(**given: Any) -> None:
    """Follow this node's EdgeAssignment, keep it for the pipeline, and write the EdgeReport."""
    configure("agent")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    folder = given.pop("sinks")
    sinks = SinksWatch(folder)  # before what it says is taken: a change in between is seen
    take_variables(folder)
    try:
        told = NodeSettings(**{name: value for name, value in given.items() if value is not None})
        run_node(told, stop, sinks=sinks)
    except ValidationError as e:
        names = ", ".join(str(error["loc"][0]).upper() for error in e.errors(include_input=False))
        raise click.ClickException(f"{names}: missing or not valid; set NODE_NAME and POD_NAMESPACE") from e
    except EdgeError as e:
        raise click.ClickException(str(e)) from e
