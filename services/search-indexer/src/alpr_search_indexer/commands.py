"""`alpr-reindex` and `alpr reconcile`; what is heavy is imported when a command runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from alpr_search_indexer.indices import Month
    from alpr_search_indexer.pictures import PictureReport


class Period(click.ParamType[Any]):
    """A number and its unit, as 90s, 5m, 24h, 30d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The duration that `value` says."""
        from alpr_search_indexer.settings import duration

        try:
            found = duration(value)
        except ValueError as e:
            self.fail(str(e), param, ctx)
        if not found:
            self.fail("longer than nothing", param, ctx)
        return found if isinstance(found, timedelta) else timedelta(0)


class Day(click.ParamType[Any]):
    """A month or a day, UTC, as 2026-11 or 2026-11-23."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The first moment of what `value` says."""
        text = str(value) if str(value).count("-") == 2 else f"{value}-01"
        try:
            return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            self.fail("a month or a day, as in 2026-11 or 2026-11-23", param, ctx)


@click.command()
@click.option(
    "--from-db", is_flag=True, required=True, help="Read events from the database (the only source there is)."
)
@click.option("--since", type=Day(), help="From this month on; by default the first that holds events.")
@click.option("--until", type=Day(), help="Up to, not with, this day's month, unless the day is not its first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document at the end, no progress.")
def reindex(since: datetime | None, until: datetime | None, *, from_db: bool, as_json: bool) -> None:  # noqa: ARG001
    """Rebuild the index month by month from the database; readers and writers go on meanwhile.

    Whole months are rebuilt. A rebuild that was ended goes on where it was when the same command comes again.
    """
    from alpr_search_indexer.rebuild import Rebuild

    with _parts() as (settings, engine, catalogue, database, pace):
        if not database.alone("rebuild"):
            raise click.ClickException("another alpr-reindex is at work on this database")
        catalogue.install_template()
        wanted = chosen(database.span(), since, until, settings.keep)
        done: dict[str, int] = {}
        with _progress(shown=not as_json) as tell:
            rebuild = Rebuild(engine, catalogue, database, pace, tell)
            for month in wanted:
                done[str(month)] = rebuild.month(month)
    if as_json:
        click.echo(json.dumps({"months": done, "rows": sum(done.values())}))
    else:
        click.echo(
            f"{len(done)} months, {sum(done.values()):,} events" if done else "The database holds no such events."
        )


@click.command()
@click.option("--drive/--dry-run", default=False, help="Index what is missing; by default only say it.")
@click.option("--window", type=Period(), default="24h", show_default=True, help="How far back, by time of capture.")
@click.option(
    "--pictures/--no-pictures", default=True, help="Compare pictures too, where ALPR_IMAGES_URL names a store."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def reconcile(ctx: click.Context, window: timedelta, *, drive: bool, pictures: bool, as_json: bool) -> None:
    """Compare database, index and pictures by site, camera and hour. Ends with status 1 while events are missing."""
    from alpr_search_indexer.reconcile import Bounds, Reconciler
    from alpr_search_indexer.settings import ReconcileSettings
    from alpr_search_indexer.showing import facts, said
    from alpr_search_indexer.writer import Writer

    bounds = ReconcileSettings()
    with _parts() as (settings, engine, catalogue, database, pace):
        if drive:
            catalogue.install()
        with closing(Writer(engine, catalogue.make_month, pace)) as writer:
            limits = Bounds(window=window, settle=bounds.settle, keep=settings.keep)
            report = Reconciler(engine, catalogue.names, database, writer, limits).compare(
                datetime.now(UTC), drive=drive
            )
        audited = _audited(database, bounds.model_copy(update={"window": window})) if pictures else None
    click.echo(json.dumps(facts(report, audited)) if as_json else said(report, audited, drive=drive))
    ctx.exit(0 if report.agrees else 1)


def _audited(database: Any, bounds: Any) -> PictureReport | None:
    from alpr_search_indexer.parts import picture_audit

    opened = picture_audit(database, bounds)
    if opened is None:
        return None
    audit, findings = opened
    with closing(findings):
        return audit.look(datetime.now(UTC))


def chosen(
    span: tuple[datetime, datetime] | None, since: datetime | None, until: datetime | None, keep: timedelta | None
) -> list[Month]:
    """The months to rebuild: those of the database, within what was asked for, and not past their keep."""
    from alpr_search_indexer.indices import months

    if span is None:
        return []
    first = max(span[0], since or span[0])
    last = min(span[1] + timedelta(microseconds=1), until or span[1] + timedelta(microseconds=1))
    now = datetime.now(UTC)
    return [month for month in months(first, last) if keep is None or month.end + keep > now]


@contextmanager
def _parts() -> Iterator[Any]:
    """`parts.opened`; errors that somebody can act on end the command with their text."""
    from pydantic import ValidationError

    from alpr_images.errors import ImageError
    from alpr_kafka.service import faults
    from alpr_search_indexer import parts
    from alpr_search_indexer.errors import SearchError
    from alpr_telemetry import TelemetrySettings, configure, scrub

    configure("search-indexer", TelemetrySettings(level="warning", form="console"), sys.stderr)
    try:
        with parts.opened() as opened:
            yield opened
    except (SearchError, ImageError) as e:
        raise click.ClickException(scrub(str(e))) from e
    except ValidationError as e:
        raise click.ClickException(faults(e)) from e


@contextmanager
def _progress(*, shown: bool) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as progress:
        tasks: dict[str, Any] = {}

        def tell(month: Month, rows: int, of: int) -> None:
            task = tasks.get(str(month))
            if task is None:
                task = tasks[str(month)] = progress.add_task(str(month), total=of)
            progress.update(task, completed=rows, total=max(of, rows))

        yield tell
