"""`alpr kube …`, and as a plug-in `kubectl alpr …`. What is heavy is imported when a command runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from alpr_operator.kube import changing, checking, looking
from alpr_operator.kube.options import KubeGroup

_NO_FILES = ":4"  # of cobra's completion protocol: complete these words, and no file names
_HELP = """Look at sites, cameras and edge nodes in a Kubernetes cluster, and change the few things that people change.

It calls kubectl, so that contexts, logins and proxies are as you have them. What sites and cameras *are* belongs into
Git; here one looks, asks why, moves, drains, pauses and goes back.
"""
_EPILOG = """\b
Begin with:
  kubectl alpr status -A                  every site
  kubectl alpr cameras -A --not-streaming what is dark
  kubectl alpr why CAMERA -n NAMESPACE    and why
\b
Exit codes: 0 done; 1 refused by the API server; 2 the command line makes no sense; 3 no such site, camera or node;
4 a right is missing; 5 the cluster does not know AlprSite and Camera; 6 no kubectl or no API server; 7 waited too long.
"""


@click.group(
    cls=KubeGroup, help=_HELP, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip
def kube() -> None:
    """See `_HELP`."""


for _command in (*looking.COMMANDS, *changing.COMMANDS, *checking.COMMANDS):
    kube.add_command(_command)


def plugin(arguments: Sequence[str] | None = None) -> None:
    """`kubectl alpr …`; ends the process."""
    sys.exit(kube.main(args=list(arguments) if arguments is not None else None, prog_name="kubectl alpr"))


def complete(arguments: Sequence[str] | None = None) -> None:
    """`kubectl_complete-alpr …`: kubectl asks it for what may follow; the last argument is the word being typed."""
    from click.shell_completion import ShellComplete

    words = list(sys.argv[1:] if arguments is None else arguments) or [""]
    asked = ShellComplete(kube, {}, "kubectl alpr", "_KUBECTL_ALPR_COMPLETE")
    for item in asked.get_completions(words[:-1], words[-1]):
        click.echo(f"{item.value}\t{item.help}" if item.help else item.value)
    click.echo(_NO_FILES)
