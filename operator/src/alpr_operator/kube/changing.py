"""The commands that change something: move, drain, pause, resume, rollback, site init, site sinks."""

from __future__ import annotations

import time
from typing import Any

import click

from alpr_operator.kube.errors import Refused, TooLate, not_there
from alpr_operator.kube.kubectl import ASSIGNMENTS, CAMERAS, NODES, REPORTS, SITES, Cluster, Object
from alpr_operator.kube.looking import fleet_of, one_camera
from alpr_operator.kube.options import DRY_RUN, cluster_options, completes

_MOVE_HELP = """Serve CAMERA on NODE from now on, and nowhere else; --unpin lets the planner choose again.

The camera leaves its node first, and comes up on the new one as soon as the old one has let go.

\b
kubectl alpr move gate-1 edge-7 -n north-gate
kubectl alpr move gate-1 --unpin -n north-gate
"""
_DRAIN_HELP = """Let the cameras of NODE move to others, before it is serviced or switched off.

The node stays Ready and keeps its pods; `kubectl drain` is not needed for edge pods, which belong to a DaemonSet.

\b
kubectl alpr drain edge-7 --wait      come back when nothing is left on it
kubectl alpr drain edge-7 --undo      it may have cameras again
"""
_PAUSE_HELP = """Let the operator change nothing at SITE, until `resume`. What runs, runs on.

Without SITE, the one AlprSite of the namespace is meant.
"""
_ROLLBACK_HELP = """Take SITE back to the images and models from before its last rollout.

The state that is left is not tried again until the AlprSite's spec changes. Without SITE, the one AlprSite of the
namespace is meant.
"""
_INIT_HELP = """Print what the site NAME needs: its namespace, the operator's right to work there, and its AlprSite.

These are the objects that chart alpr-site makes. An AlprSite that exists keeps its spec with --access-only.

\b
kubectl alpr site init north-gate --timezone Europe/Berlin | kubectl apply -f -
kubectl alpr site init north-gate --apply
kubectl alpr site init north-gate --access-only | kubectl apply -f -     only the right, for a site that is there
"""
_SINKS_HELP = """Print where the agents of site NAME send events and pictures: a ConfigMap and a Secret called `sinks`.

They come from what chart alpr-central keeps in its namespace: ConfigMap alpr-connections, the agents' own Secrets. The
AlprSite names them by `spec.sinksRef: {name: sinks}`. After a change of passwords or certificates, run it again.

\b
kubectl alpr site sinks north-gate | kubectl apply -f -
kubectl alpr site sinks north-gate --apply
kubectl alpr site sinks north-gate --kafka kafka.example.com:30094 --apply     its nodes are outside of that cluster
"""
_LOOK_AGAIN_S = 2.0


@click.command(help=_MOVE_HELP, short_help="Serve a camera on a node of your choice.")
@click.argument("camera", shell_complete=completes(CAMERAS))
@click.argument("node", required=False, shell_complete=completes(NODES))
@click.option("--unpin", is_flag=True, help="Let the planner choose.")
@DRY_RUN
@cluster_options()
def move(camera: str, node: str | None, *, unpin: bool, dry_run: bool, cluster: Cluster) -> None:
    """See `_MOVE_HELP`."""
    from alpr_operator.kube import changes
    from alpr_operator.kube.fleet import name_of, namespace_of

    if (node is None) == (not unpin):
        raise click.UsageError("say where to: a NODE, or --unpin")
    found = one_camera(cluster, camera)
    namespace, name = namespace_of(found), name_of(found)
    if node is not None:
        _checked(cluster, found, node)
    change = changes.unpin() if node is None else changes.pin(node)
    cluster.patch(CAMERAS, name, namespace, change, dry_run=dry_run)
    _tell(f"{name} {'goes where the planner puts it' if node is None else f'is pinned to {node}'}", dry_run=dry_run)
    _warn(changes.kept_elsewhere(found))


def _checked(cluster: Cluster, camera: Object, node: str) -> None:
    from alpr_operator.kube import changes
    from alpr_operator.kube.fleet import name_of, namespace_of

    fleet = fleet_of(cluster, cluster.target.within(namespace_of(camera)), cameras=(camera,))
    if fleet.node(node) is None and not fleet.nodes_hidden:
        raise not_there("Node", node, "the cluster", (name_of(one) for one in fleet.nodes))
    for reason in changes.against_move(fleet, camera, node):
        _warn(f"{reason}: until that changes, the camera has no place")


@click.command(help=_DRAIN_HELP, short_help="Let cameras leave a node.")
@click.argument("node", shell_complete=completes(NODES))
@click.option("--undo", is_flag=True, help="Let cameras come again.")
@click.option("--wait", is_flag=True, help="Come back when nothing is left on it.")
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=600, show_default=True, help="Seconds to wait at most."
)
@DRY_RUN
@cluster_options(all_namespaces=False)
def drain(node: str, *, undo: bool, wait: bool, timeout: float, dry_run: bool, cluster: Cluster) -> None:
    """See `_DRAIN_HELP`."""
    from alpr_operator.kube import changes
    from alpr_operator.kube.fleet import Fleet, name_of

    if undo and wait:
        raise click.UsageError("--undo has nothing to wait for")
    if not cluster.get(NODES, name=node):
        raise not_there("Node", node, "the cluster", (name_of(one) for one in cluster.get(NODES)))
    target = cluster.target if cluster.target.namespace else cluster.target.everywhere()
    if not undo:
        fleet = Fleet.of(cluster.get(SITES, CAMERAS, ASSIGNMENTS, target=target))
        for line in changes.drain_outlook(fleet, node):
            click.echo(line)
    cluster.patch(NODES, node, None, changes.drain(undo=undo), dry_run=dry_run)
    _tell(f"{node} {'may have cameras again' if undo else 'is being drained'}", dry_run=dry_run)
    if wait and not dry_run:
        _wait_until_empty(cluster, node, timeout)


def _wait_until_empty(cluster: Cluster, node: str, timeout_s: float) -> None:
    from alpr_operator.kube.changes import left_on
    from alpr_operator.kube.fleet import Fleet

    target = cluster.target if cluster.target.namespace else cluster.target.everywhere()
    until, before = time.monotonic() + timeout_s, -1
    while True:
        found = Fleet.of(cluster.get(ASSIGNMENTS, REPORTS, target=target, name=node))
        left = left_on(found.assignments, found.reports, node)
        if left == 0:
            click.echo(f"{node} serves no camera any more")
            return
        if left != before:
            click.echo(f"{left} cameras are left on {node}")
        if time.monotonic() >= until:
            raise TooLate(
                f"after {timeout_s:g} s {left} cameras are left on {node}; kubectl alpr cameras -A --node {node}"
            )
        before = left
        time.sleep(min(_LOOK_AGAIN_S, timeout_s))


@click.command(help=_PAUSE_HELP, short_help="Let the operator change nothing at a site.")
@click.argument("site", required=False, shell_complete=completes(SITES))
@DRY_RUN
@cluster_options(all_namespaces=False)
def pause(site: str | None, *, dry_run: bool, cluster: Cluster) -> None:
    """See `_PAUSE_HELP`."""
    _paused(cluster, site, resume=False, dry_run=dry_run)


@click.command(help="End a pause: the operator takes up at SITE what has changed meanwhile.", short_help="End a pause.")
@click.argument("site", required=False, shell_complete=completes(SITES))
@DRY_RUN
@cluster_options(all_namespaces=False)
def resume(site: str | None, *, dry_run: bool, cluster: Cluster) -> None:
    """End a pause."""
    _paused(cluster, site, resume=True, dry_run=dry_run)


def _paused(cluster: Cluster, named: str | None, *, resume: bool, dry_run: bool) -> None:
    from alpr_operator.kube import changes
    from alpr_operator.kube.fleet import name_of, namespace_of

    site = one_site(cluster, named)
    change = changes.pause(resume=resume)
    cluster.patch(SITES, name_of(site), namespace_of(site), change, dry_run=dry_run)
    _tell(f"{name_of(site)} {'goes on' if resume else 'is paused'}", dry_run=dry_run)
    if resume and (reason := changes.still_paused(site)):
        raise Refused(reason)


@click.command(help=_ROLLBACK_HELP, short_help="Go back to before a site's last rollout.")
@click.argument("site", required=False, shell_complete=completes(SITES))
@DRY_RUN
@cluster_options(all_namespaces=False)
def rollback(site: str | None, *, dry_run: bool, cluster: Cluster) -> None:
    """See `_ROLLBACK_HELP`."""
    from alpr_operator.kube import changes
    from alpr_operator.kube.fleet import name_of, namespace_of

    found = one_site(cluster, site)
    cluster.patch(SITES, name_of(found), namespace_of(found), changes.roll_back(found), dry_run=dry_run)
    _tell(f"{name_of(found)} goes back to the state before; see: kubectl alpr status {name_of(found)}", dry_run=dry_run)


def one_site(cluster: Cluster, named: str | None) -> Object:
    """The AlprSite NAME, or the only one of the namespace. Raises NotThere."""
    from alpr_operator.kube.fleet import name_of

    found = cluster.get(SITES)
    names = [name_of(one) for one in found]
    if named is None and len(found) == 1:
        return found[0]
    if named is None and found:
        raise click.UsageError(f"which SITE? There are {', '.join(names)}")
    if named not in names:
        raise not_there("AlprSite", named or "", cluster.target.where, names)
    return found[names.index(named)]


@click.group(help="Make what a new site needs.")
def site() -> None:
    """See `_INIT_HELP`."""


@site.command("init", help=_INIT_HELP)
@click.argument("name")
@click.option("--timezone", help="Such as Europe/Berlin; rollout windows are in it.")
@click.option("--display-name", help="For people.")
@click.option("--operator", default="alpr-operator", show_default=True, help="The operator's ServiceAccount.")
@click.option("--operator-namespace", default="alpr-system", show_default=True, help="Where the operator lives.")
@click.option("--access-only", is_flag=True, help="Leave the AlprSite out.")
@click.option("--apply", "applied", is_flag=True, help="Apply them at once, server-side.")
@click.option("-o", "--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
@DRY_RUN
@cluster_options(all_namespaces=False)
def init(
    name: str, *, access_only: bool, applied: bool, output: str, dry_run: bool, cluster: Cluster, **of: Any
) -> None:
    """See `_INIT_HELP`."""
    from alpr_operator.kube.site_manifests import NewSite, manifests, name_problem

    if problem := name_problem(name) or name_problem(cluster.target.namespace or name):
        raise click.UsageError(problem)
    wanted = manifests(NewSite(name, cluster.target.namespace or name, **of), access_only=access_only)
    if not applied:
        click.echo(_written(wanted, output), nl=False)
        return
    if not access_only:
        _only_new(cluster, name)
    click.echo(cluster.apply(wanted, dry_run=dry_run), nl=False)


@site.command("sinks", help=_SINKS_HELP, short_help="Say where a site's agents send.")
@click.argument("name", shell_complete=completes(SITES))
@click.option("--central", default="alpr-system", show_default=True, help="Namespace of the central tier.")
@click.option("--kafka", default="", metavar="HOST:PORT", help="Kafka as this site's nodes reach it from outside.")
@click.option("--apply", "applied", is_flag=True, help="Apply them at once, server-side.")
@click.option("-o", "--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
@DRY_RUN
@cluster_options(all_namespaces=False)
def site_sinks(
    name: str, *, central: str, kafka: str, applied: bool, output: str, dry_run: bool, cluster: Cluster
) -> None:
    """See `_SINKS_HELP`."""
    from alpr_operator.kube import sinks as made

    there = cluster.target.within(central)
    maps = cluster.get("configmaps", target=there, name=made.CONNECTIONS)
    if not maps:
        raise Refused(f"there is no ConfigMap {made.CONNECTIONS} in namespace {central}; --central names the right one")
    secrets = {
        secret: one.get("data") or {}
        for secret in made.SECRETS
        for one in cluster.get("secrets", target=there, name=secret)
    }
    told = made.Central(central, maps[0].get("data") or {}, secrets, kafka)
    wanted = made.sinks(told, cluster.target.namespace or name)
    _warn(made.missing_login(told))
    click.echo(cluster.apply(wanted, dry_run=dry_run) if applied else _written(wanted, output), nl=False)


def _only_new(cluster: Cluster, name: str) -> None:
    namespace = cluster.target.namespace or name
    if cluster.get(SITES, target=cluster.target.within(namespace), name=name):
        again = "give it only its right with --access-only"
        raise Refused(f"AlprSite {name} is there already in namespace {namespace}; {again}")


def _written(manifests: list[Object], output: str) -> str:
    if output == "json":
        import json

        return json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}, indent=2) + "\n"
    import yaml

    return yaml.safe_dump_all(manifests, sort_keys=False)


def _tell(text: str, *, dry_run: bool) -> None:
    click.echo(f"{text} (dry run: nothing was kept)" if dry_run else text)


def _warn(text: str) -> None:
    if text:
        click.echo(f"Note: {text}.", err=True)


COMMANDS: tuple[click.Command, ...] = (move, drain, pause, resume, rollback, site)
