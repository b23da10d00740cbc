"""A comparison as people and programs read it."""

import json
from datetime import UTC, datetime, timedelta

from alpr_search_indexer.commands import chosen
from alpr_search_indexer.database import Cell
from alpr_search_indexer.pictures import PictureReport
from alpr_search_indexer.reconcile import Difference, Report
from alpr_search_indexer.showing import facts, said

HOUR = datetime(2026, 11, 23, 10, tzinfo=UTC)


def report(*differences):
    made = Report(HOUR, HOUR + timedelta(hours=2), stored=1000, indexed=990)
    made.differences += differences
    return made


def test_agreement_is_one_sentence():
    assert said(report(), None, drive=False).splitlines()[1:] == ["database and index agree"]


def test_what_is_missing_is_said_by_camera_and_hour_and_what_to_do():
    told = said(report(Difference(Cell("north", "gate", HOUR), 7, 0, 2)), None, drive=False)
    assert "north gate 2026-11-23 10h: 7 missing, 0 driven, 2 not stored (yet)" in told
    assert "7 events are missing from the index; --drive indexes them" in told


def test_many_differences_are_cut_for_people_and_whole_for_programs():
    many = report(*(Difference(Cell("", f"cam-{n}", HOUR), 1, 1, 0) for n in range(80)))
    assert "… and 30 more" in said(many, None, drive=True)
    told = json.loads(json.dumps(facts(many, PictureReport(5, 1, 0))))
    assert (len(told["differences"]), told["agrees"], told["pictures"]["missing"]) == (80, True, 1)


def test_the_months_to_rebuild_lie_within_what_is_asked_stored_and_kept():
    now = datetime.now(UTC)
    span = (now - timedelta(days=100), now)
    assert chosen(None, None, None, None) == []
    whole = chosen(span, None, None, None)
    assert whole[0].start <= span[0] < whole[0].end
    assert whole[-1].start <= now < whole[-1].end
    assert len(chosen(span, None, None, timedelta(days=30))) in (2, 3)
    (one,) = chosen(span, whole[1].start, whole[1].end, None)
    assert one == whole[1]
    assert chosen(span, now + timedelta(days=40), None, None) == []
