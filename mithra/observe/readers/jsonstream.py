"""JSON objects of a document of any size, one after the other: the elements of an array, or of all arrays
that stand under the keys of one object (`{"objects": [...]}`, or abuse.ch's `{"id": [{...}], …}`).

Only a window of the text is held, so memory follows the largest element and not the file. An object without
such arrays is itself the one record. JSON lines are read as lines.
"""

from __future__ import annotations

import codecs
import gc
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

from mithra.observe.readers import jsonfile
from mithra.observe.readers.jsonfile import JsonRecords
from mithra.observe.readers.jsonwindow import Window, elements, memory_of, told
from mithra.observe.source import Source

__all__ = ["batches", "made", "memory_of_texts", "objects", "shaped"]

MAX_SHAPED_BYTES = 1 << 27
TEXT_BYTES = 100  # of an object that stays text, beside the text itself
MAX_KEYS = 1 << 16  # of an object that is itself the record
RECORDS_PER_BATCH = 1 << 13  # many more objects alive, and the collector looks at them again and again


def objects(source: Source) -> Iterator[JsonRecords]:
    """Objects in batches, numbered from 1 (or by their lines).

    Raises:
        FormatError: not JSON, cut short, or one element takes more memory than a record may.
    """
    if jsonfile.by_line(source.sample):
        yield from jsonfile.records(source)
        return
    batch = JsonRecords()
    with source.open() as stream:
        window = Window(stream)
        for number, value in enumerate(told(_values(window), source), 1):
            batch.add(number, _with_whole_characters(value) if window.half_pairs else value)
            if len(batch.values) >= RECORDS_PER_BATCH:
                yield batch
                batch = JsonRecords()
    yield batch


def shaped(source: Source, shape: Any, memory: Callable[[bytes], int] = memory_of) -> Any:
    """A document with the keys that a TypedDict declares and no others, made many times faster by msgspec.

    None where it is large, of another shape or no clean JSON: `objects` can tell more.

    Args:
        memory: how much the values of a text take at most.
    """
    import msgspec

    with source.open() as stream:
        data = stream.read(MAX_SHAPED_BYTES + 1)
    if len(data) > MAX_SHAPED_BYTES or memory(data) > jsonfile.MAX_MEMORY_BYTES:
        return None
    collecting = gc.isenabled()
    gc.disable()  # it would look again and again through objects of which none is garbage
    try:
        return msgspec.json.decode(data.removeprefix(codecs.BOM_UTF8), type=shape)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
    finally:
        if collecting:
            gc.enable()


def batches(values: list[dict[str, Any]]) -> Iterator[JsonRecords]:
    """Objects that are in memory already, as `objects` gives them."""
    for start in range(0, len(values), RECORDS_PER_BATCH):
        part = values[start : start + RECORDS_PER_BATCH]
        yield JsonRecords(list(range(start + 1, start + 1 + len(part))), part)


def made(texts: list[Any], shape: Any) -> Iterator[JsonRecords]:
    """Objects of their texts (`msgspec.Raw`), as `objects` gives them but with the declared keys only."""
    import msgspec

    decoder = msgspec.json.Decoder(shape)
    for start in range(0, len(texts), RECORDS_PER_BATCH):
        batch = JsonRecords()
        for number, text in enumerate(texts[start : start + RECORDS_PER_BATCH], start + 1):
            try:
                batch.add(number, decoder.decode(text))
            except (ValueError, RecursionError):  # no object, or no clean JSON
                window = Window(io.BytesIO(text))
                value = window.value()
                batch.add(number, _with_whole_characters(value) if window.half_pairs else value)
        yield batch


def memory_of_texts(data: bytes) -> int:
    """Like `memory_of`, where the objects of a list stay text (`msgspec.Raw`)."""
    return len(data) + TEXT_BYTES * data.count(b"{")


def _values(window: Window) -> Iterator[Any]:
    if window.take("[{") == "[":
        yield from elements(window)
    else:
        yield from _under_keys(window)
    window.end()


def _under_keys(window: Window) -> Iterator[dict[str, Any]]:
    """The objects in arrays under an object's keys; the object itself where there are none."""
    itself: dict[str, Any] = {}
    found = False
    if window.peek() == "}":
        window.take("}")
        yield itself
        return
    while True:
        key = window.key()
        if window.peek() != "[":
            itself[key] = window.value()
        else:
            held = window.whole()
            if held is None:
                window.take("[")
            for value in elements(window) if held is None else held:
                if isinstance(value, dict):
                    found = True
                    yield value
            if held is not None and not found:
                itself[key] = held
        if not found and len(itself) > MAX_KEYS:
            raise ValueError(f"one object of over {MAX_KEYS} keys")
        if window.take(",}") == "}":
            break
    if not found:
        yield itself


def _with_whole_characters(value: Any) -> Any:
    """A value in which U+FFFD stands for each half of a surrogate pair, which no text can hold."""
    text = json.dumps(value, ensure_ascii=False).encode("utf-16-le", "surrogatepass")
    return json.loads(text.decode("utf-16-le", "replace"))
