from importlib.metadata import entry_points

import pytest
from click.testing import CliRunner

from alpr_cli.__main__ import GROUP, alpr


def test_help_names_every_installed_command():
    result = CliRunner().invoke(alpr, ["--help"])
    assert result.exit_code == 0
    for entry in entry_points(group=GROUP):
        assert entry.name in result.output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_for_the_shell(shell):
    result = CliRunner().invoke(alpr, ["completion", shell])
    assert result.exit_code == 0
    assert "_ALPR_COMPLETE" in result.output


def test_an_unknown_command_is_said_with_the_way_to_help():
    result = CliRunner().invoke(alpr, ["raed"])
    assert result.exit_code == 2
    assert "raed" in result.output
