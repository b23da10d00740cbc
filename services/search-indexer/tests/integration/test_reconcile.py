"""Database, index and pictures compared on real servers: what is missing is named, driven, and then is not missing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from alpr_images import image_key
from alpr_images.store import open_image_store
from alpr_search_indexer.database import Cell, Database
from alpr_search_indexer.documents import line, of_event
from alpr_search_indexer.findings import Findings
from alpr_search_indexer.pictures import PictureAudit, PictureReport
from alpr_search_indexer.reconcile import Bounds, Reconciler
from alpr_search_indexer.writer import Work

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC)
HOUR_AGO = NOW - timedelta(hours=1)
STORED = {"created_at": NOW - timedelta(minutes=30)}


@pytest.fixture
def reconciler(engine, names, reader, writer):
    return Reconciler(engine, names, reader, writer, Bounds())


def indexed(writer, names, events):
    writer.settle(Work([line(of_event(e, NOW), names.written) for e in events]))


def test_where_both_agree_nothing_is_missing(reconciler, writer, names, event, store_rows):
    events = [event(n, HOUR_AGO + timedelta(seconds=n)) for n in range(50)]
    store_rows(events, **STORED)
    indexed(writer, names, events)
    report = reconciler.compare(NOW, drive=False)
    assert (report.stored, report.indexed, report.missing, report.unstored, report.agrees) == (50, 50, 0, 0, True)


def test_what_the_index_lacks_is_named_and_driven(reconciler, writer, names, event, store_rows, held):
    events = [event(n, HOUR_AGO + timedelta(seconds=n)) for n in range(100)]
    store_rows(events, **STORED)
    indexed(writer, names, [e for e in events if e["seq"] % 3])
    told = reconciler.compare(NOW, drive=False)
    assert (told.missing, told.driven, told.agrees) == (34, 0, False)
    assert {d.cell.camera for d in told.differences} == {f"cam-{n}" for n in range(5)}
    assert reconciler.compare(NOW, drive=True).agrees
    assert held() == {e["event_id"] for e in events}
    assert reconciler.compare(NOW, drive=True).missing == 0


def test_row_14_a_deleted_index_is_filled_from_the_database(
    reconciler, writer, names, event, store_rows, held, engine, catalogue
):
    events = [event(n, HOUR_AGO + timedelta(seconds=n)) for n in range(300)]
    store_rows(events, **STORED)
    indexed(writer, names, events)
    for index in catalogue.indices():
        engine.ask("DELETE", f"/{index}")
    assert reconciler.compare(NOW, drive=True).missing == 300
    assert held() == {e["event_id"] for e in events}


def test_old_events_that_were_stored_late_are_looked_at(reconciler, event, store_rows, held):
    at = NOW - timedelta(days=10)
    store_rows([event(n, at + timedelta(seconds=n)) for n in range(5)], **STORED)
    assert reconciler.compare(NOW, drive=True).driven == 5
    assert len(held()) == 5


def test_rows_that_were_stored_just_now_are_still_on_their_way(reconciler, event, store_rows):
    store_rows([event(1, HOUR_AGO)], created_at=NOW)
    assert reconciler.compare(NOW, drive=True).missing == 0


def test_documents_that_the_database_lacks_are_counted_and_left(reconciler, writer, names, event, store_rows, held):
    events = [event(n * 5, HOUR_AGO) for n in range(4)]
    store_rows(events[:2], **STORED)
    indexed(writer, names, events)
    report = reconciler.compare(NOW, drive=True)
    assert (report.unstored, report.missing, len(held())) == (2, 0, 4)


def test_months_past_their_keep_are_left_alone(engine, names, reader, writer, event, store_rows):
    store_rows([event(1, NOW - timedelta(days=200))], **STORED)
    report = Reconciler(engine, names, reader, writer, Bounds(keep=timedelta(days=90))).compare(NOW, drive=True)
    assert (report.missing, report.stored) == (0, 0)


def test_a_pass_drives_no_more_than_it_may(engine, names, reader, writer, event, store_rows):
    store_rows([event(n, HOUR_AGO + timedelta(seconds=n)) for n in range(100)], **STORED)
    report = Reconciler(engine, names, reader, writer, Bounds(drive=30)).compare(NOW, drive=True)
    assert (report.driven, report.missing) == (30, 100)


def test_events_without_a_site_have_their_cell(reconciler, event, store_rows):
    store_rows([event(1, HOUR_AGO, node={"site": None, "host": None})], **STORED)
    (difference,) = reconciler.compare(NOW, drive=True).differences
    assert difference.cell == Cell("", "cam-1", HOUR_AGO.replace(minute=0, second=0, microsecond=0))
    assert reconciler.compare(NOW, drive=True).missing == 0


# -- pictures


@pytest.fixture
def audit(database, reader, tmp_path):
    findings = Findings(database)
    store = open_image_store(f"file://{tmp_path}/pictures")
    yield PictureAudit(reader, findings, store, limit=7, window=timedelta(days=2), grace=timedelta(minutes=30)), store
    findings.close()


def pictured(event, n):
    made = event(n, HOUR_AGO + timedelta(milliseconds=n))
    key = image_key("north", HOUR_AGO, made["event_id"], "plate")
    return {**made, "images": {"plate_url": key, "vehicle_url": None, "frame_url": None}}, key


def rows_of(dsn):
    with psycopg.connect(dsn) as connection:
        return dict(connection.execute("SELECT key, finding FROM picture_findings").fetchall())


def passes(audit, count):
    for _ in range(count):
        report = audit.look(NOW)
    return report


def test_pictures_that_never_came_are_found_whatever_their_number(audit, event, store_rows, database):
    audit, store = audit
    made = [pictured(event, n) for n in range(20)]
    store_rows([e for e, _ in made], **STORED)
    for _, key in made[5:]:
        store.put_if_absent(key, b"jpeg")
    assert passes(audit, 4).missing == 5
    assert rows_of(database) == {key: "missing" for _, key in made[:5]}


def test_a_picture_that_came_after_all_is_forgotten(audit, event, store_rows, database):
    audit, store = audit
    made, key = pictured(event, 1)
    store_rows([made], **STORED)
    assert audit.look(NOW).missing == 1
    store.put_if_absent(key, b"jpeg")
    assert audit.look(NOW) == PictureReport(1, 0, 0)
    assert rows_of(database) == {}


def test_a_picture_without_an_event_is_an_orphan_until_the_event_comes(audit, event, store_rows, database):
    audit, store = audit
    first, first_key = pictured(event, 1)
    late, late_key = pictured(event, 2)
    store_rows([first], **STORED)
    for key in (first_key, late_key):
        store.put_if_absent(key, b"jpeg")
    assert audit.look(NOW).orphaned == 1
    assert rows_of(database) == {late_key: "orphaned"}
    store_rows([late], **STORED)
    assert audit.look(NOW).orphaned == 0


def test_the_path_of_an_old_event_is_a_missing_picture(audit, event, store_rows):
    audit, _ = audit
    store_rows([event(1, HOUR_AGO, images={"plate_url": "output/crops/x.jpg", "vehicle_url": None, "frame_url": None})])
    assert audit.look(NOW).missing == 1


# -- the role


def test_the_granted_role_does_all_of_it_and_can_change_no_event(database, event, store_rows):
    grants = (Path(__file__).parents[2] / "src/alpr_search_indexer/grants.sql").read_text()
    role = f"reader_{Path(database).name[-12:]}"[:30].replace(" ", "_").replace("=", "_").lower()
    store_rows([event(1, HOUR_AGO)], **STORED)
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
        owner.execute(grants.replace("alpr_reader", role))
        try:
            dsn = psycopg.conninfo.make_conninfo(database, user=role, password="x")
            reader, findings = Database(dsn), Findings(dsn)
            assert reader.newest_feed() > 0
            assert reader.alone("reconcile")
            findings.note([])
            assert findings.oldest(1) == []
            with psycopg.connect(dsn) as other, pytest.raises(psycopg.errors.InsufficientPrivilege):
                other.execute("DELETE FROM plate_events")
            reader.close()
            findings.close()
        finally:
            owner.execute(f"DROP OWNED BY {role}")
            owner.execute(f"DROP ROLE {role}")


def test_the_reading_session_cannot_write_whatever_its_role(reader):
    from alpr_search_indexer.errors import SearchError

    with pytest.raises(SearchError):
        reader._rows("DELETE FROM plate_events", {})


def test_one_process_reconciles_at_a_time(database, reader):
    other = Database(database)
    assert reader.alone("reconcile")
    assert not other.alone("reconcile")
    reader.close()
    assert other.alone("reconcile")
    other.close()
