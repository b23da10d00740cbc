"""The events' schemas against every schema that is out there: the old system's, and our releases'. Both directions.

`data/old` is what producers and consumers of the old system have, `data/released` what ours have since 0.1.0. A release
adds a copy there and removes none: queues, outboxes and dead letters keep what it wrote.
"""

import copy
import io
import json
from pathlib import Path

import avro.schema
import fastavro
import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from hypothesis import given, settings

from alpr_schemas import codec
from alpr_testing.avro_values import values

DATA = Path(__file__).parents[1] / "data"
TOPIC_OF = {codec.definition(topic)["name"]: topic for topic in codec.TOPICS}
THERE = sorted(DATA.glob("*/*.avsc"))
FIX = "a new field needs a default and stands behind the others; no field changes its type, goes or gets another name"


def named(path):
    return f"{path.parent.name}/{path.stem}"


def faults(reader, writer):
    """What `reader` cannot make of what `writer` writes, by field; empty where it can read all."""
    parsed = [avro.schema.parse(json.dumps(one)) for one in (reader, writer)]
    found = ReaderWriterCompatibilityChecker().get_compatibility(*parsed)
    if found.compatibility is SchemaCompatibilityType.compatible:
        return ""
    kinds = ", ".join(sorted(one.value for one in found.incompatibilities))
    return (
        f"{reader['name']}: {', '.join(sorted(found.messages))} at {', '.join(sorted(found.locations))}: {kinds}; {FIX}"
    )


def test_each_record_has_the_old_one_and_its_releases_beside_it():
    for folder in ("old", "released"):
        assert {json.loads(path.read_text())["name"] for path in (DATA / folder).glob("*.avsc")} == set(TOPIC_OF)


@pytest.mark.parametrize("path", THERE, ids=named)
def test_ours_reads_what_is_out_there_and_is_read_there(path):
    theirs = json.loads(path.read_text())
    ours = codec.definition(TOPIC_OF[theirs["name"]])
    assert faults(ours, theirs) == ""
    assert faults(theirs, ours) == ""


@pytest.mark.parametrize("path", THERE, ids=named)
def test_names_and_order_of_fields_stay(path):
    theirs = json.loads(path.read_text())
    ours = codec.definition(TOPIC_OF[theirs["name"]])
    assert ours["namespace"] == theirs["namespace"]
    names = [field["name"] for field in theirs["fields"]]
    assert [field["name"] for field in ours["fields"]][: len(names)] == names


@pytest.mark.parametrize("path", THERE, ids=named)
def test_events_pass_from_old_hands_to_new_ones_and_back(path):
    theirs = fastavro.parse_schema(json.loads(path.read_text()))
    ours = codec.schema(TOPIC_OF[json.loads(path.read_text())["name"]])

    @settings(max_examples=25)
    @given(values(json.loads(path.read_text())))
    def passes(event):
        received = carried(written(event, theirs), theirs, ours)
        assert written(received, theirs) == written(event, theirs)
        back = carried(written(received, ours), ours, theirs)
        assert written(back, theirs) == written(event, theirs)

    passes()


def written(event, schema):
    """Bytes: those of two equal events are equal, of two NaN as well."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, event)
    return out.getvalue()


def carried(value, writer, reader):
    return fastavro.schemaless_reader(io.BytesIO(value), writer, reader)


BREAKS = {
    "a new field without a default": lambda fields: fields.append({"name": "weather", "type": "string"}),
    "a field that is gone": lambda fields: fields.pop(2),
    "a field of another type": lambda fields: fields[2].update(type="long"),
    "a field of another name": lambda fields: fields[2].update(name="camera"),
    "a value that became optional": lambda fields: fields[2].update(type=["null", "string"]),
}


@pytest.mark.parametrize("name", BREAKS)
@pytest.mark.parametrize("topic", codec.TOPICS)
def test_an_incompatible_change_is_found_and_named(topic, name):
    ours = codec.definition(topic)
    changed = copy.deepcopy(ours)
    BREAKS[name](changed["fields"])
    found = faults(changed, ours) or faults(ours, changed)
    assert FIX in found
    assert ours["name"] in found
