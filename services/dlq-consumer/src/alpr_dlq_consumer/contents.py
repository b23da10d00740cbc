"""One letter in full: where it was, why it was refused, and what its bytes hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alpr_dlq_consumer.letter import Form
from alpr_dlq_consumer.queries import Kept
from alpr_dlq_consumer.showing import HIDDEN, dumped, headers_facts, hexdump, letter_facts, masked
from alpr_kafka.decoding import Decoder
from alpr_kafka.errors import KafkaKitError, Undecodable
from alpr_kafka.records import Record

Decoders = Mapping[Form, Decoder]


def described(kept: Kept, decoders: Decoders, *, reveal: bool) -> dict[str, Any]:
    """All that is known of a letter; plates, keys and bytes only when revealed."""
    decoded, why_not = _decoded(kept, decoders)
    facts = letter_facts(kept)
    facts["key"] = _text(kept.original_key)
    facts["headers"] = headers_facts(kept, reveal=reveal)
    facts["sha256"] = hashlib.sha256(kept.payload).hexdigest()
    if decoded is not None:
        facts["record"] = decoded if reveal else masked(decoded)
    else:
        facts["undecodable"] = why_not
        facts["bytes"] = list(hexdump(kept.payload)) if reveal else HIDDEN
    return facts


def lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """The same for a person, a fact a line, what is long at the end."""
    long = ("headers", "metadata", "record", "bytes")
    for name in (name for name in facts if name not in long):
        yield f"{name + ':':<17}{facts[name] if facts[name] is not None else '-'}"
    for name in (name for name in long if facts.get(name)):
        yield f"{name}:"
        yield from _indented(facts[name])


def _indented(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        text: Sequence[str] = [value]
    elif isinstance(value, list):
        text = value
    else:
        text = dumped(value).splitlines()
    for line in text:
        yield f"  {line}"


def _decoded(kept: Kept, decoders: Decoders) -> tuple[Mapping[str, Any] | None, str]:
    decoder = decoders.get(Form(kept.form))
    if decoder is None:
        return None, "these are not the bytes of a record"
    try:
        return decoder.decode(Record(topic=kept.topic, value=kept.payload)), ""
    except Undecodable as e:
        return None, str(e)
    except KafkaKitError as e:
        return None, f"its schema cannot be had: {e}"


def _text(key: bytes | None) -> str | None:
    return None if key is None else key.decode("utf-8", "backslashreplace")
