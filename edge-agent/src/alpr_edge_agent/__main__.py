"""`python -m alpr_edge_agent pipeline|agent|trial`: the edge's processes by name; each imports what it needs alone."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Final, cast

from alpr_edge_agent.lean import keep_out

if __name__ == "__main__":
    keep_out()

import click

_COMMANDS: Final = {
    "agent": ("alpr_edge_agent.agent.command", "agent_command"),
    "pipeline": ("alpr_edge_agent.pipeline.main", "pipeline_command"),
    "trial": ("alpr_edge_agent.trial.command", "trial_command"),
}


class Processes(click.Group):
    """Commands that are imported when they are asked for: the agent has no use for the pipeline's libraries."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Their names."""
        return list(_COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The one of that name."""
        if cmd_name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[cmd_name]
        return cast("click.Command", getattr(import_module(module), attribute))


@click.group(cls=Processes)
def main() -> None:
    """The edge's processes."""


if __name__ == "__main__":
    main(sys.argv[1:])
