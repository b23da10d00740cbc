"""The commands that only look: status, cameras, nodes, why."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from alpr_operator.kube.errors import NoAccess, NotThere, Unreachable, not_there
from alpr_operator.kube.kubectl import ASSIGNMENTS, CAMERAS, NODES, REPORTS, SITES, Cluster, Object, Target
from alpr_operator.kube.options import OUTPUT, cluster_options, completes

if TYPE_CHECKING:
    from alpr_operator.kube.fleet import Fleet

_STATUS_HELP = """Show sites: whether they are well, their cameras, nodes, capacity units and a rollout that runs.

CAMERAS are those with a node, of all; STREAMING, of those with a node; NODES, that are ready; UNITS, in use.

\b
kubectl alpr status -A                every site of the cluster
kubectl alpr status north-gate        one site with all its conditions
kubectl alpr status -A --watch        again and again, until Ctrl-C
kubectl alpr status -A -o json | jq '.[] | select(.ready.status != "True") | .name'
"""
_CAMERAS_HELP = """Show cameras: where each is served, and the first thing that is not as it should be.

\b
kubectl alpr cameras                      those of this namespace
kubectl alpr cameras -A --not-streaming   what is dark, everywhere
kubectl alpr cameras --node edge-7 -o wide
"""
_NODES_HELP = """Show edge nodes: class, readiness, cameras, units, and whether the agent has applied what it shall do.

REVISION is what the agent has applied; 5/7 means that it has applied 5 of 7. REPORTED is how old its last report is:
an agent reports when something changes, so an old report of a node that is Ready is a calm one.

\b
kubectl alpr nodes -A
kubectl alpr nodes -o wide            with models, versions and where the units come from
"""
_WHY_HELP = """Explain CAMERA in sentences: where it is served and since when, or what keeps it, and what to do.

\b
kubectl alpr why gate-1 -n north-gate
kubectl alpr why north-gate/gate-1
"""


@click.command(help=_STATUS_HELP, short_help="Show sites.")
@click.argument("sites", nargs=-1, metavar="[SITE]...", shell_complete=completes(SITES))
@click.option("-w", "--watch", is_flag=True, help="Go on looking.")
@click.option(
    "--every", type=click.FloatRange(0.5, 3600), default=2.0, show_default=True, help="Seconds between looks."
)
@OUTPUT
@cluster_options()
def status(sites: tuple[str, ...], *, watch: bool, every: float, output: str, cluster: Cluster) -> None:
    """See `_STATUS_HELP`."""
    if watch and output == "json":
        raise click.UsageError("--watch draws a table; for programs there is kubectl get alprsites --watch -o json")
    if watch:
        _watched(lambda: _status_text(cluster, sites, output), every)
    else:
        click.echo(_status_text(cluster, sites, output), nl=False)


def _status_text(cluster: Cluster, names: tuple[str, ...], output: str) -> str:
    from alpr_operator.kube import sites, tables

    found = _named("AlprSite", cluster.get(SITES), names, cluster.target)
    rows = sites.site_rows(found)
    if output == "json":
        return tables.as_json(rows) + "\n"
    if not rows:
        return f"No AlprSite in {cluster.target.where}{_hint(cluster.target)}\n"
    table = sites.sheet(rows, namespaces=_many(cluster.target), wide=output == "wide")
    return tables.drawn(table, sites.sentences(rows, _now()))


def _watched(draw: Callable[[], str], every_s: float) -> None:
    """Draw again and again: in place on a terminal, else whenever something has changed; ends by Ctrl-C."""
    before = ""
    place = sys.stdout
    while True:
        try:
            text = draw()
        except Unreachable as e:
            text = f"{e}\n"
        if place.isatty():
            click.clear()
            click.echo(text, nl=False)
        elif text != before:
            click.echo(f"{_now():%H:%M:%S} UTC\n{text}", nl=False)
        before = text
        try:
            time.sleep(every_s)
        except KeyboardInterrupt:
            return


@click.command(help=_CAMERAS_HELP, short_help="Show cameras, and what is wrong with them.")
@click.option("--site", help="Only those of this AlprSite.", shell_complete=completes(SITES))
@click.option("--node", help="Only those on this node.", shell_complete=completes(NODES))
@click.option("--not-streaming", is_flag=True, help="Only those that should stream and do not, as far as is known.")
@OUTPUT
@cluster_options()
def cameras(*, site: str | None, node: str | None, not_streaming: bool, output: str, cluster: Cluster) -> None:
    """See `_CAMERAS_HELP`."""
    from alpr_operator.kube import tables
    from alpr_operator.kube.cameras import camera_rows, sheet
    from alpr_operator.kube.fleet import Fleet

    found = Fleet.of(cluster.get(CAMERAS)).cameras
    rows = camera_rows(found, site=site, node=node, not_streaming=not_streaming)
    if output == "json":
        click.echo(tables.as_json(rows))
    elif not rows:
        such = " such" if found else ""
        click.echo(f"No{such} Camera in {cluster.target.where}{_hint(cluster.target) if not found else ''}")
    else:
        drawn = sheet(rows, _now(), namespaces=_many(cluster.target), wide=output == "wide")
        click.echo(tables.drawn(drawn), nl=False)


@click.command(help=_NODES_HELP, short_help="Show edge nodes.")
@click.option("--site", help="Only those of this AlprSite.", shell_complete=completes(SITES))
@OUTPUT
@cluster_options()
def nodes(*, site: str | None, output: str, cluster: Cluster) -> None:
    """See `_NODES_HELP`."""
    from alpr_operator.kube import tables
    from alpr_operator.kube.nodes import node_rows, sheet

    fleet = fleet_of(cluster)
    rows = node_rows(fleet, _classed, site=site)
    if output == "json":
        click.echo(tables.as_json(rows))
        return
    if fleet.nodes_hidden:
        click.echo("You may not list nodes, so READY and CLASS are not known; ask for get and list on nodes.", err=True)
    if not rows:
        label = "kubectl label node NODE ovr-alpr.io/site=SITE ovr-alpr.io/node-class=CLASS"
        click.echo(f"No edge node of a site in {cluster.target.where}; nodes are given to a site by: {label}")
    else:
        drawn = sheet(rows, _now(), namespaces=_many(cluster.target), wide=output == "wide")
        click.echo(tables.drawn(drawn), nl=False)


def _classed(site: Object, labels: Mapping[str, str]) -> tuple[str, int, bool] | None:
    """The class of a node as the operator sees it: name, units before they are measured, and whether they may be."""
    from pydantic import ValidationError

    from alpr_operator.desired.node_classes import class_of, node_classes
    from alpr_operator.settings import Images
    from alpr_schemas.resources import SiteSpec

    try:
        spec = SiteSpec.model_validate(site.get("spec") or {})
    except ValidationError:
        return None
    found = class_of(labels, node_classes(spec, Images()))
    return (found.name, found.units, found.measured) if found else None


@click.command(help=_WHY_HELP, short_help="Explain where a camera is, or what keeps it.")
@click.argument("camera", shell_complete=completes(CAMERAS))
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@cluster_options()
def why(camera: str, *, output: str, cluster: Cluster) -> None:
    """See `_WHY_HELP`."""
    from alpr_operator.kube import tables
    from alpr_operator.kube.fleet import namespace_of
    from alpr_operator.kube.why import sentences
    from alpr_operator.kube.why import why as explained

    found = one_camera(cluster, camera)
    fleet = fleet_of(cluster, cluster.target.within(namespace_of(found)), cameras=(found,))
    told = explained(fleet, found, _now())
    if output == "json":
        click.echo(tables.as_json(told))
    else:
        click.echo(tables.drawn(None, sentences(told)), nl=False)


def one_camera(cluster: Cluster, named: str) -> Object:
    """The camera NAME or NAMESPACE/NAME. Raises NotThere with names that are near."""
    from alpr_operator.kube.fleet import key_of, name_of

    namespace, _, name = named.rpartition("/")
    target = cluster.target.within(namespace) if namespace else cluster.target
    found = cluster.get(CAMERAS, target=target, name=name)
    if not found:
        raise not_there("Camera", name, target.where, (name_of(one) for one in cluster.get(CAMERAS, target=target)))
    if len(found) > 1:
        places = ", ".join("/".join(key_of(one)) for one in found)
        raise NotThere(f"there are {len(found)} cameras {name}: {places}; name one of them so, or give -n")
    return found[0]


def fleet_of(cluster: Cluster, target: Target | None = None, cameras: tuple[Object, ...] | None = None) -> Fleet:
    """Sites, cameras, assignments, reports and nodes; without nodes where the person may not see them."""
    from alpr_operator.kube.fleet import Fleet

    kinds = (SITES, ASSIGNMENTS, REPORTS) if cameras is not None else (SITES, CAMERAS, ASSIGNMENTS, REPORTS)
    found = [*cluster.get(*kinds, target=target), *(cameras or ())]
    try:
        return Fleet.of([*found, *cluster.get(NODES)])
    except NoAccess:
        return Fleet.of(found, nodes_hidden=True)


def _named(kind: str, found: list[Object], names: tuple[str, ...], target: Target) -> list[Object]:
    from alpr_operator.kube.fleet import key_of, name_of

    known = {name_of(one) for one in found}
    for name in names:
        if name not in known:
            raise not_there(kind, name, target.where, known)
    return sorted((one for one in found if not names or name_of(one) in names), key=key_of)


def _many(target: Target) -> bool:
    return target.all_namespaces


def _hint(target: Target) -> str:
    return "; kubectl alpr site init NAME makes one" if target.all_namespaces else "; add -A to look in all namespaces"


def _now() -> datetime:
    return datetime.now(UTC)


COMMANDS: tuple[click.Command, ...] = (status, cameras, nodes, why)
