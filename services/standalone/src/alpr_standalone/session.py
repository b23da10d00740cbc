"""One `alpr up` from its words to its end: prepare, run, show, stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

import psycopg
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from alpr_edge_agent.agent.run import current_status
from alpr_query_api.keys import list_keys
from alpr_query_api.settings import is_loopback
from alpr_standalone.database import EmbeddedPostgres
from alpr_standalone.errors import DatabaseFailed, Unusable
from alpr_standalone.folder import StandaloneFolder
from alpr_standalone.readings import ReadingFeed
from alpr_standalone.screen import Screen, cameras_table
from alpr_standalone.sources import manifests_for_address, manifests_for_demo
from alpr_standalone.up import (
    UpSettings,
    apply_manifests,
    check_port,
    only_one,
    page_address,
    remarks,
    running,
    watch,
)
from alpr_storage_consumer.migrate import migrate
from alpr_telemetry import configure

SHOW_EVERY_TURNS = 3


def run(
    data: Path, manifests: Sequence[Path], source: str | None, *, once: bool, host: str, port: int, metrics_port: int
) -> None:
    """Run until Ctrl-C or SIGTERM, or with `once` until everything is read. Raises errors that a person can act on."""
    console = Console()
    folder = StandaloneFolder(data.resolve())
    try:
        folder.make()
    except OSError as e:
        raise Unusable(f"--data: {folder.root} cannot be written ({e.strerror}); choose another folder") from e
    with only_one(folder), stop_flag() as stop, (folder.logs / "up.log").open("a") as out:
        configure("standalone", stream=out)
        check_port(host, port)
        database = EmbeddedPostgres(folder.database)
        try:
            paths = _prepare(console, folder, database, manifests, source)
            _check_key(database.dsn, host)
            settings = UpSettings(folder, tuple(paths), host, port, metrics_port, once)
            apply_manifests(folder, settings.manifests)
            _run(console, settings, database, stop)
        finally:
            database.stop()


@contextmanager
def stop_flag() -> Iterator[threading.Event]:
    """A flag that SIGINT and SIGTERM set; the handlers that were there come back."""
    stop = threading.Event()
    before = {n: signal.signal(n, lambda *_: stop.set()) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _check_key(dsn: str, host: str) -> None:
    if not is_loopback(host) and all(key["revoked_at"] for key in list_keys(dsn)):
        raise Unusable(f"--host: {host} can be reached by others, so the page needs a key; run: alpr keys create NAME")


def _prepare(
    console: Console,
    folder: StandaloneFolder,
    database: EmbeddedPostgres,
    manifests: Sequence[Path],
    source: str | None,
) -> list[Path]:
    paths = list(manifests)
    steps: dict[str, Callable[[], None]] = {
        "database": lambda: _start_database(database),
        "models": _ensure_models,
    }
    if source:
        paths.append(manifests_for_address(folder.sources, source))
    elif not paths:
        steps["demo clip"] = lambda: paths.append(_demo(folder))
    _together(console, steps)
    return paths


def _start_database(database: EmbeddedPostgres) -> None:
    database.start()
    try:
        migrate(database.dsn)
    except psycopg.Error as e:
        raise DatabaseFailed(f"the database's tables cannot be made: {str(e).strip()}") from e


def _ensure_models() -> None:
    """Convert and check the models now, where a person sees that it takes a moment."""
    from alpr_edge_agent.models import KNOWN, default_models_dir, prepare

    for known in KNOWN:
        prepare(known, default_models_dir())


def _demo(folder: StandaloneFolder) -> Path:
    from alpr_simulator.demo import ensure_demo_clip

    return manifests_for_demo(folder.sources, ensure_demo_clip(folder.sources))


def _together(console: Console, steps: dict[str, Callable[[], None]]) -> None:
    """Run all steps at once, a line each where a person looks; the first failure is raised when all have ended."""
    columns = (SpinnerColumn(), TextColumn("preparing {task.description}"), TimeElapsedColumn())
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with bar, ThreadPoolExecutor(len(steps)) as pool:
        futures = [_shown(bar, name, pool.submit(step)) for name, step in steps.items()]
        wait(futures)
    for future in futures:
        future.result()


def _shown(bar: Progress, name: str, future: Future[None]) -> Future[None]:
    task = bar.add_task(name, total=1)
    future.add_done_callback(lambda _: bar.advance(task))
    return future


def _run(console: Console, settings: UpSettings, database: EmbeddedPostgres, stop: threading.Event) -> None:
    screen = Screen(console, page_address(settings))
    feed = ReadingFeed(database.dsn)
    feed.new()
    with running(settings, database) as group, screen.shown():
        for turn, _ in enumerate(watch(settings, database, group, stop)):
            if turn % SHOW_EVERY_TURNS == 0:
                screen.update(current_status(settings.folder.edge), feed.new(), feed.total)
        screen.update(current_status(settings.folder.edge), feed.new(), feed.total)
    feed.close()
    _sum_up(console, settings, feed.total)


def _sum_up(console: Console, settings: UpSettings, readings: int) -> None:
    status = current_status(settings.folder.edge)
    if console.is_terminal:
        console.print(cameras_table(status))
    console.print(f"{readings} readings stored; they stay in {settings.folder.root}")
    if settings.once:
        _say_remarks(console, settings)


def _say_remarks(console: Console, settings: UpSettings) -> None:
    lines, failed = remarks(settings.folder)
    if failed:
        raise Unusable("some cameras were not read:\n" + "\n".join(lines))
    for line in lines:
        console.print(line)
