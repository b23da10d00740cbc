"""The names that a pod starts its containers by."""

import pytest
from click.testing import CliRunner

from alpr_edge_agent.agent import command
from alpr_edge_agent.agent.command import agent_command
from alpr_edge_agent.agent.settings import NodeSettings
from alpr_edge_agent.pilot import main


@pytest.fixture(autouse=True)
def untouched(monkeypatch):
    """Handlers and logs of the tests' own process stay as they are."""
    monkeypatch.setattr(command, "configure", lambda _: None)
    monkeypatch.setattr(command.signal, "signal", lambda *_: None)


@pytest.mark.parametrize("name", ["agent", "pipeline"])
def test_the_pilots_entry_point_starts_a_nodes_processes(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"alpr-pilot {name}" in capsys.readouterr().out


def test_the_downward_api_names_node_and_namespace(monkeypatch):
    monkeypatch.setenv("NODE_NAME", "n1")
    monkeypatch.setenv("POD_NAMESPACE", "yard")
    settings = NodeSettings()
    assert (settings.node_name, settings.namespace, str(settings.data)) == ("n1", "yard", "/var/lib/alpr")


def test_missing_names_are_asked_for(monkeypatch):
    monkeypatch.delenv("NODE_NAME", raising=False)
    result = CliRunner().invoke(agent_command, ["--namespace", "yard"])
    assert result.exit_code == 1
    assert "set NODE_NAME and POD_NAMESPACE" in result.output


def test_without_a_cluster_it_says_what_to_give(monkeypatch, tmp_path):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    result = CliRunner().invoke(
        agent_command, ["--namespace", "yard", "--node-name", "n1", "--data", str(tmp_path / "node")]
    )
    assert result.exit_code == 1
    assert "--kubeconfig" in result.output
