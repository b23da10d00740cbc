"""The page in a real browser: readings appear by themselves, search finds, cameras say how they are."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alpr_images.store import open_image_store
from alpr_query_api.keys import create_key, revoke_key
from alpr_testing.api import running_api
from alpr_testing.readings import picture, reading, store_all

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
CARDS = "return [...document.querySelectorAll('.reading .plate')].map(e => e.textContent)"
IS_LIVE = "return document.getElementById('link').dataset.state === 'live'"


def keep_picture(api, event):
    images = open_image_store(f"file://{api.images}")
    images.put_if_absent(event.images.plate_url, picture(event.plate.text))
    images.put_if_absent(event.images.frame_url, picture(event.plate.text, (960, 540)))


def write_status(api, *cameras):
    now = datetime.now(UTC).isoformat()
    status = {"updated_at": now, "cameras": [{"since": now, **camera} for camera in cameras]}
    Path(api.status).write_text(json.dumps(status))


def test_a_reading_appears_live_with_its_crop(api, browser):
    browser.open(api.url)
    browser.until(IS_LIVE)
    assert "No reading yet" in browser.text()
    event = reading(1, "AB12CDE")
    store_all(api.database, [event])
    browser.until(f"{CARDS}.includes('AB12CDE')")
    keep_picture(api, event)  # a moment after its event, as agents do
    browser.until("return document.querySelector('.reading img').naturalWidth > 0")
    assert browser.run(CARDS) == ["AB12CDE"]


def test_nothing_is_missed_or_repeated_while_the_feed_was_away(api, browser):
    store_all(api.database, [reading(n, f"OLD{n}") for n in range(3)])
    browser.open(api.url)
    browser.until(IS_LIVE)
    browser.run("window.stop()")
    store_all(api.database, [reading(n, f"NEW{n}") for n in range(3, 6)])
    browser.until(f"{CARDS}.length === 6")
    assert browser.run(CARDS) == ["NEW5", "NEW4", "NEW3", "OLD2", "OLD1", "OLD0"]
    assert browser.run("return document.getElementById('total').textContent") == "6"


def test_search_with_a_wildcard_and_back(api, browser):
    store_all(api.database, [reading(1, "AB12CDE"), reading(2, "KL98XYZ"), reading(3, "AB77QRS")])
    browser.open(api.url)
    browser.until(IS_LIVE)
    browser.type("#q", "ab*\n")
    browser.until(f"{CARDS}.length === 2")
    assert sorted(browser.run(CARDS)) == ["AB12CDE", "AB77QRS"]
    assert "2 readings" in browser.text()
    browser.click("#back")
    browser.until(f"{CARDS}.length === 3")


def test_cameras_say_how_they_are(api, browser):
    write_status(
        api,
        {"name": "gate", "state": "Streaming", "fps": 14.9, "width": 1920, "height": 1080, "codec": "h264"},
        {"name": "yard", "state": "AuthFailed", "reason": "user or password is wrong"},
    )
    browser.open(api.url)
    browser.until("return document.querySelectorAll('.camera-row').length === 2")
    row = "return document.querySelector(`.camera-row[data-name=${arguments[0]}]`)"
    assert browser.run(f"{row}.dataset.health", "gate") == "good"
    assert browser.run(f"{row}.dataset.health", "yard") == "bad"
    assert "user or password is wrong" in browser.text()
    write_status(api, {"name": "gate", "state": "Failed", "reason": "no answer from the camera"})
    browser.until(f"{row}.dataset.health === 'bad'", "gate")


def test_a_card_opens_all_about_a_reading(api, browser):
    event = reading(1, "AB12CDE")
    keep_picture(api, event)
    store_all(api.database, [event])
    browser.open(api.url)
    browser.until(f"{CARDS}.length === 1")
    browser.click(".reading button")
    browser.until("return document.getElementById('detail').open")
    browser.until("return document.getElementById('detail-frame').naturalWidth === 960")
    assert "AB12CDX" in browser.text()  # the other candidate


def test_a_phone_needs_no_sideways_scrolling_and_nothing_is_refused(api, browser):
    store_all(api.database, [reading(n, f"AB12CD{n}", images={}) for n in range(4)])
    write_status(api, {"name": "gate", "state": "Streaming"})
    browser.resize(360, 740)
    browser.open(api.url)
    browser.until(f"{CARDS}.length === 4")
    assert browser.run("return document.documentElement.scrollWidth") <= 360
    assert browser.complaints() == []


def test_the_key_is_asked_for_once_and_its_withdrawal_shows(database, browser, tmp_path):
    key = create_key(database, "me")
    with running_api(database, tmp_path, require_key=True, session_hours=1) as api:
        browser.open(api.url)
        browser.until("return !document.getElementById('sign-in').hidden")
        browser.type("#key", "wrong\n")
        browser.until("return document.getElementById('key-problem').textContent.includes('no such key')")
        browser.run("document.getElementById('key').value = ''")
        browser.type("#key", f"{key}\n")
        browser.until(IS_LIVE)
        assert browser.run("return document.cookie") == ""  # no script can read it
        browser.open(api.url)
        browser.until(IS_LIVE)
        revoke_key(database, "me")
        browser.until("return !document.getElementById('sign-in').hidden")


def test_the_documents_list_every_call_and_try_one(api, browser):
    store_all(api.database, [reading(1, "AB12CDE")])
    browser.open(f"{api.url}/docs")
    browser.until("return document.querySelectorAll('details').length > 12")
    browser.run(
        "const d = [...document.querySelectorAll('details')].find(d => d.innerText.includes('/events/recent'));"
        "d.open = true; d.querySelector('form').requestSubmit()"
    )
    browser.until("return document.body.innerText.includes('AB12CDE')")
    assert browser.complaints() == []
