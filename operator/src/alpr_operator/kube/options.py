"""What all commands share: which cluster, which output, how errors end, and names to complete."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import click
from click.shell_completion import CompletionItem

from alpr_operator.kube.errors import KubeError
from alpr_operator.kube.kubectl import Cluster, Kubectl, Target

P = ParamSpec("P")
R = TypeVar("R")
Opener = Callable[[Target], Cluster]

OUTPUT = click.option(
    "-o", "--output", type=click.Choice(["table", "wide", "json"]), default="table", show_default=True,
    help="A table, a wider one, or JSON for programs.",
)  # fmt: skip
DRY_RUN = click.option("--dry-run", is_flag=True, help="Let the API server check the change, and keep nothing of it.")


class KubeGroup(click.Group):
    """Ends with a KubeError's text and exit code, not with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the sub-command."""
        try:
            return super().invoke(ctx)
        except KubeError as e:
            raise _Ending(str(e), e.exit_code) from e


class _Ending(click.ClickException):
    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click calls it a class variable, and reads the instance's


def cluster_options(*, all_namespaces: bool = True) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Add kubectl's own options; the command gets `cluster` in their place."""

    def decorate(command: Callable[..., R]) -> Callable[..., R]:
        @wraps(command)
        def opened(
            *, context: str | None, kubeconfig: str | None, namespace: str | None, everywhere: bool = False, **rest: Any
        ) -> R:
            if namespace and everywhere:
                raise click.UsageError("-n names one namespace, -A means all: give one of them")
            target = Target(context, kubeconfig, namespace, all_namespaces=everywhere)
            return command(cluster=opener()(target), **rest)

        for option in reversed(_options(all_namespaces=all_namespaces)):
            option(opened)
        return opened

    return decorate


def _options(*, all_namespaces: bool) -> list[Callable[[Any], Any]]:
    told = [click.option("-n", "--namespace", help="The site's namespace; the current one where left out.")]
    if all_namespaces:
        told.append(click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="All namespaces."))
    told.append(click.option("--context", help="As kubectl's."))
    told.append(click.option("--kubeconfig", type=click.Path(), help="As kubectl's."))
    return told


def opener() -> Opener:
    """How a cluster is reached: by kubectl, unless who runs the commands says otherwise."""
    context = click.get_current_context(silent=True)
    found = context.find_root().obj if context is not None else None
    return found if callable(found) else Kubectl


def completes(kind: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Completes the names of `kind`; a cluster that does not answer completes nothing."""

    def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        given = ctx.params
        target = Target(
            given.get("context"),
            given.get("kubeconfig"),
            given.get("namespace"),
            all_namespaces=bool(given.get("everywhere")),
        )
        try:
            names = opener()(target).names(kind)
        except KubeError:
            return []
        return [CompletionItem(name) for name in sorted(set(names)) if name.startswith(incomplete)]

    return complete
