"""`python -m alpr_edge_agent pipeline|agent`: the edge's processes by name."""

from __future__ import annotations

import click

from alpr_edge_agent.agent.command import agent_command
from alpr_edge_agent.pipeline.main import pipeline_command
from alpr_edge_agent.trial.command import trial_command


@click.group()
def main() -> None:
    """The edge's processes."""


main.add_command(pipeline_command)
main.add_command(agent_command)
main.add_command(trial_command)

if __name__ == "__main__":
    main()
