"""`alpr`: collects the sub-commands that the installed packages bring."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points, version

import click

GROUP = "alpr.commands"
_SHELLS = ("bash", "zsh", "fish")
_EPILOG = """\b
Try it:
  alpr up                          the demo camera, its readings, and a page at http://127.0.0.1:8000
  alpr up -f sites/                your own cameras, as YAML
  alpr doctor                      what to fix on this machine, before or after
  alpr read photo.jpg              the plates of a photo
  eval "$(alpr completion bash)"   completion in this shell
"""


class Commands(click.Group):
    """Sub-commands by entry point; a package's module is imported only when its command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return sorted({*super().list_commands(ctx), *_found()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command `cmd_name`, loaded now; None where nobody brings it."""
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in _found():
            return own
        loaded: click.Command = _found()[cmd_name].load()
        return loaded


def _found() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


@click.group(cls=Commands, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("alpr-cli"), message="alpr %(version)s")
def alpr() -> None:
    """Read licence plates from cameras, clips and photos, and keep what was read."""


@alpr.command()
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Print the completion script for SHELL; `eval "$(alpr completion bash)"` switches it on."""
    from click.shell_completion import get_completion_class

    source = get_completion_class(shell)
    if source is None:
        raise click.ClickException(f"no completion for {shell}; choose one of {', '.join(_SHELLS)}")
    click.echo(source(alpr, {}, "alpr", "_ALPR_COMPLETE").source())


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point; ends the process."""
    sys.exit(alpr.main(args=list(arguments) if arguments is not None else None, prog_name="alpr"))


if __name__ == "__main__":
    main()
