"""`alpr doctor`: looks, judges, tells."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from alpr_edge_agent.doctor.findings import Finding, Group, has_problem

_HELP = """Check this machine or node, and say what to fix.

\b
alpr doctor                              a machine before `alpr up`: processor, disk, clock, ports, models, GPU
alpr doctor -f sites/north/              and whether each camera gives a picture
alpr doctor --camera rtsp://10.0.0.5/s1  one camera, without manifests
sudo alpr doctor --node                  a K3s node, on its host
alpr doctor --sinks                      brokers, registry and object store that the agent's variables name

\b
In a pod of a site:
  kubectl exec -n north ds/alpr-edge-north-cpu -c agent -- alpr doctor --sinks

Nothing is changed; one small file is written into the data folder, to measure it, and removed. What cannot be looked at
is said to be "not checked", with the reason. Ends with 1 where there is a problem; warnings do not count.
"""
_FOLDER = click.Path(path_type=Path)


@click.command(help=_HELP)
@click.option(
    "--data", type=_FOLDER, envvar="ALPR_DATA",
    help="The folder that keeps events, and its outbox.  [default: alpr-data; in a pod /var/lib/alpr]",
)  # fmt: skip
@click.option(
    "-f", "--manifests", multiple=True, type=_FOLDER,
    help="Try the cameras of these AlprSite, Camera and Secret documents; may stand several times.",
)  # fmt: skip
@click.option("--camera", "addresses", multiple=True, metavar="URL", help="Try this camera; may stand several times.")
@click.option("--node/--no-node", default=None, help="Check K3s, too.  [default: where k3s is installed]")
@click.option("--sinks", is_flag=True, help="Try where KAFKA_*, SCHEMA_REGISTRY_* and ALPR_AGENT_IMAGES_* point.")
@click.option("--models-dir", type=_FOLDER, envvar="ALPR_MODELS_DIR", help="Where converted models are kept.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def doctor(
    data: Path | None, manifests: tuple[Path, ...], addresses: tuple[str, ...], *, node: bool | None, sinks: bool,
    models_dir: Path | None, form: str,
) -> None:  # fmt: skip
    """See `_HELP`."""
    from alpr_edge_agent.doctor.look.machine import in_pod
    from alpr_edge_agent.doctor.report import as_json, print_table

    _without_passwords(addresses)
    place = data or Path("/var/lib/alpr" if in_pod() else "alpr-data")
    found = [*_machine(place, models_dir), *_gpu(), *_node(node), *_cameras(addresses, manifests)]
    if sinks:
        found += _sinks()
    if form == "json":
        click.echo(as_json(found))
    else:
        print_table(found)
    sys.exit(1 if has_problem(found) else 0)


def _without_passwords(addresses: Sequence[str]) -> None:
    from alpr_schemas.import_cameras import split_credentials

    for address in addresses:
        if split_credentials(address)[1] is not None:
            raise click.UsageError(
                "--camera: anybody on this machine can read a command line with its password; "
                "write a Camera and its Secret into a file, and give it with -f"
            )


def _machine(data: Path, models_dir: Path | None) -> Iterator[Finding]:
    from alpr_edge_agent.doctor.look import engines, folder
    from alpr_edge_agent.doctor.look import machine as look
    from alpr_edge_agent.doctor.rules import folder as on_folder
    from alpr_edge_agent.doctor.rules import machine as rules

    seen = look.look_at_machine()
    yield from rules.machine(seen)
    yield from rules.clock(look.look_at_clock())
    if seen.in_pod:
        yield Group("machine").not_checked("ports", "a pod has its own")
    else:
        yield from rules.ports(look.look_at_ports(data))
    yield from on_folder.folder(folder.look_at_folder(data))
    yield from on_folder.outbox(folder.look_at_outbox(data))
    yield from rules.engines(engines.look_at_engines())
    yield from rules.models(engines.look_at_models(models_dir), by_digest=seen.in_pod)


def _gpu() -> Iterator[Finding]:
    from alpr_edge_agent.doctor.look import gpu as look
    from alpr_edge_agent.doctor.look.machine import look_at_machine
    from alpr_edge_agent.doctor.rules import gpu as rules

    if look.is_jetson():
        yield from rules.jetson(look.look_at_jetson(), look_at_machine())
    else:
        yield from rules.discrete(look.look_at_cards())


def _node(wanted: bool | None) -> Iterator[Finding]:  # noqa: FBT001 - as click has it
    from alpr_edge_agent.doctor.look import folder
    from alpr_edge_agent.doctor.look import node as look
    from alpr_edge_agent.doctor.look.machine import in_pod
    from alpr_edge_agent.doctor.rules import node as rules

    if in_pod():
        yield Group("node").not_checked("host", "a pod does not see it", "on the host: sudo alpr doctor --node")
    elif wanted or (wanted is None and look.has_k3s()):
        seen = look.look_at_node()
        yield from rules.node(seen)
        yield from rules.place(seen, folder.look_at_folder(look.EDGE))


def _cameras(addresses: Sequence[str], manifests: Sequence[Path]) -> Iterator[Finding]:
    if not addresses and not manifests:
        return
    from alpr_edge_agent.doctor.look import cameras as look
    from alpr_edge_agent.doctor.rules import connections as rules
    from alpr_schemas.manifests import ManifestError
    from alpr_telemetry import scrub

    try:
        told = look.cameras_of(addresses, manifests)
    except (ManifestError, ValueError) as e:
        raise click.ClickException(scrub(str(e))) from e
    yield from rules.cameras(look.look_at_cameras(told))


def _sinks() -> Iterator[Finding]:
    from alpr_edge_agent.doctor.look import sinks as look
    from alpr_edge_agent.doctor.rules import connections as rules

    yield from rules.sinks(look.look_at_sinks())
