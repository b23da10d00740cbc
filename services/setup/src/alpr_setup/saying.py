"""How a command ends when something is not as it must be: with a sentence, not with a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from alpr_kubernetes import ApiError, NoConnection
from alpr_setup.errors import SetupError


@contextmanager
def said() -> Iterator[None]:
    """Errors that somebody can act on end the command with their text."""
    try:
        yield
    except (SetupError, NoConnection) as e:
        raise click.ClickException(str(e)) from e
    except ApiError as e:
        raise click.ClickException(f"Kubernetes: {e.message} ({e.reason})") from e
