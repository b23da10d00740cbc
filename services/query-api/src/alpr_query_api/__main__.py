"""`alpr-query-api`: serves until SIGTERM; `keys` makes and withdraws keys. Settings come from the environment."""

from __future__ import annotations

import socket
import sys

import click
import structlog
import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError

from alpr_images.settings import ImagesSettings
from alpr_query_api.app import create_app
from alpr_query_api.commands import keys
from alpr_query_api.database import Database
from alpr_query_api.errors import NoKey, Unavailable
from alpr_query_api.feed import Feed
from alpr_query_api.keys import KeyRing
from alpr_query_api.settings import ApiSettings
from alpr_telemetry import configure

log = structlog.get_logger(__name__)


class Server(uvicorn.Server):
    """Ends the live feeds first: they would hold a stop up."""

    def __init__(self, config: uvicorn.Config, feed: Feed) -> None:
        super().__init__(config)
        self._feed = feed

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's."""
        self._feed.close()
        await super().shutdown(sockets)


def server(settings: ApiSettings, app: FastAPI) -> Server:
    """The server of `app`; it runs until it is told to exit."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,  # addresses hold plates
        server_header=False,
        timeout_graceful_shutdown=3,
    )
    return Server(config, app.state.parts.feed)


def check_key(settings: ApiSettings, app: FastAPI) -> None:
    """Raises NoKey where the API would listen beyond this machine without a key; Unavailable in an outage."""
    database: Database = app.state.parts.database
    keys: KeyRing = app.state.parts.keys
    if settings.asks_for_key:
        database.open()
        if not keys.any():
            raise NoKey(
                f"ALPR_API_HOST={settings.host}: beyond this machine a key is needed; make one: alpr keys create NAME"
            )


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def program(context: click.Context) -> None:
    """Serve the Query API; without a command until SIGTERM. All settings are environment variables (README)."""
    if context.invoked_subcommand is None:
        sys.exit(run())


program.add_command(keys)


def main() -> None:
    """The entry point; ends the process."""
    program(prog_name="alpr-query-api")


def run() -> int:
    """Run the API; the exit status is 2 where a person must change something, 1 in an outage."""
    configure("query-api")
    try:
        settings = ApiSettings()
        app = create_app(settings)
        check_key(settings, app)
    except ValidationError as e:
        prefix = "ALPR_IMAGES_" if e.title == ImagesSettings.__name__ else "ALPR_API_"
        for error in e.errors(include_input=False):
            log.error("setting_wrong", setting=f"{prefix}{'_'.join(map(str, error['loc'])).upper()}", fix=error["msg"])  # noqa: TRY400 - for a person
        return 2
    except NoKey as e:
        log.error("no_key", fix=str(e))  # noqa: TRY400 - for a person
        return 2
    except Unavailable as e:
        log.error("database_away", reason=str(e))  # noqa: TRY400 - for a person
        return 1
    log.info("listening", host=settings.host, port=settings.port, key=settings.asks_for_key)
    server(settings, app).run()
    return 0


if __name__ == "__main__":
    main()
