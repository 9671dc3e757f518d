"""Read ahead: produce in one thread while the caller works in another."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

__all__ = ["ahead"]

Item = TypeVar("Item")
ITEMS_AHEAD = 2


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The items, the next two of which are made while the caller is busy with one.

    What `items` raises is raised here, in its place. A caller that stops early stops the thread too.
    """
    ready: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(ITEMS_AHEAD)
    stopped = threading.Event()

    def put(item: Item | None, error: BaseException | None) -> bool:
        while not stopped.is_set():
            try:
                ready.put((item, error), timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def produce() -> None:
        try:
            for item in items:
                if not put(item, None):
                    return
            put(None, StopIteration())
        except BaseException as error:
            put(None, error)

    thread = threading.Thread(target=produce, name="mithra-ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]  # None only beside an error
    finally:
        stopped.set()
        thread.join()
