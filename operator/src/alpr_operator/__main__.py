"""`alpr-operator`: run the operator; or take its finalizers off before it is uninstalled."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import click
from pydantic import ValidationError

from alpr_operator.settings import CONFIG_FILE, Settings
from alpr_telemetry import TelemetrySettings, configure


@click.group()
def main() -> None:
    """The operator of OVR-ALPR: AlprSite and Camera in, edge workloads and assignments out."""


_CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"Settings as YAML; {CONFIG_FILE} where left out. The environment (ALPR_OPERATOR_…) wins over it.",
)
_KUBECONFIG = click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Reach the API server by this file; as the pod's ServiceAccount where left out.",
)


@main.command()
@_CONFIG
@_KUBECONFIG
def run(config: Path | None, kubeconfig: Path | None) -> None:
    """Watch the cluster and work, until SIGTERM."""
    from alpr_kubernetes import NoConnection
    from alpr_operator.run import run as run_operator

    settings = _settings(config, kubeconfig)
    configure("operator", TelemetrySettings(level=settings.log_level, form=settings.log_form))
    logging.getLogger("kopf").setLevel(logging.WARNING)  # it tells of every event
    try:
        asyncio.run(run_operator(settings))
    except NoConnection as e:
        raise click.ClickException(str(e)) from e


@main.command()
@_CONFIG
@_KUBECONFIG
@click.option("--deployment", help="Scale this Deployment of the operator's namespace to none first.")
@click.option(
    "--within", default=120, show_default=True, help="Seconds that a running operator has to let its Lease go."
)
def retire(config: Path | None, kubeconfig: Path | None, *, deployment: str | None, within: int) -> None:
    """Stop the operator and take its finalizers off, before it is uninstalled."""
    from alpr_kubernetes import ApiError, NoConnection
    from alpr_operator.uninstall import retire as retired

    settings = _settings(config, kubeconfig)
    configure("operator", TelemetrySettings(level=settings.log_level, form=settings.log_form))
    try:
        count = asyncio.run(retired(settings, deployment, within_s=within))
    except TimeoutError as e:
        raise click.ClickException(
            str(e) or f"the operator still holds its Lease after {within} s; is it stopped?"
        ) from e
    except (ApiError, NoConnection) as e:
        raise click.ClickException(str(e)) from e
    click.echo(f"finalizers taken off {count} cameras")


def _settings(config: Path | None, kubeconfig: Path | None) -> Settings:
    if config is not None:
        Settings.model_config["yaml_file"] = config
    try:
        return Settings(kubeconfig=kubeconfig) if kubeconfig else Settings()
    except ValidationError as e:
        told = "; ".join(
            f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}"
            for error in e.errors(include_url=False, include_input=False)
        )
        raise click.ClickException(f"The settings are not right: {told}") from e


if __name__ == "__main__":
    main()
