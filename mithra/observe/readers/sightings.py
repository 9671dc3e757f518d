"""What readers of honeypots and alerts share: hosts with dates become rows of `sightings`, and of `labels`.

Every host is a sighting. A label it is only where an attacker had the sensor fetch a file from it: by its own
name, from the time of that event on, and with more confidence where the file was there. Hosts that are
merely mentioned (a ping, a proxy request, an alert) are none: attackers test their way out with google.com.
Nor are services that serve anybody's files or tell bots their address: what comes from there says nothing of
the host.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from mithra.names import canonicalize
from mithra.observe.readers.labels import LOCAL_NAMES
from mithra.observe.records import canonical_addresses, date_reason, first_reason, seconds_to_time
from mithra.observe.source import Options, Rejects, Rows, Source

__all__ = ["FETCHED", "ORDERED", "SERVICES", "Labelled", "Sighting", "sighting_rows"]

# Hosts (and all under them) that many use, for good as for ill.
_SERVICES = """
    github.com githubusercontent.com gitlab.com bitbucket.org sourceforge.net pastebin.com paste.ee
    discord.com discordapp.com dropbox.com dropboxusercontent.com drive.google.com mediafire.com mega.nz
    transfer.sh file.io archive.org catbox.moe telegram.org s3.amazonaws.com storage.googleapis.com
    google.com bing.com baidu.com yahoo.com yandex.ru ya.ru microsoft.com apple.com cloudflare.com
    ipinfo.io ipify.org icanhazip.com ifconfig.me ip-api.com ident.me checkip.amazonaws.com
    cachefly.net speedtest.net thinkbroadband.com tele2.net softlayer.com
    debian.org ubuntu.com centos.org kernel.org gnu.org python.org pypi.org npmjs.org docker.com
"""
SERVICES = frozenset(_SERVICES.split())
PAYLOAD = "malware_download"  # category of labels
FETCHED, ORDERED = (
    0.9,
    0.5,
)  # confidence of labels, by judgement: the sensor got the file, or was told to get it
_NULL = pa.scalar(None, pa.string())


Labelled = dict[
    tuple[str, str], tuple[int, float]
]  # by host and source: since when (epoch seconds), how sure


class Sighting(NamedTuple):
    """A host that a sensor saw."""

    indicator: str  # name or address as written
    kind: str  # download, download_attempt, command, connect, proxy, callback, alert
    sensor: str | None
    technique: str | None
    seen_at: int | None  # epoch seconds
    payload: float | None = None  # confidence that the attacker's files lie there; None makes no label


def sighting_rows(
    found: Sequence[tuple[int, Sighting]],
    rejects: Rejects,
    source: Source,
    options: Options,
    labelled: Labelled | None = None,
) -> Iterator[Rows | Rejects]:
    """Rows of sightings and labels, and rejects: those given and the hosts that are none.

    Args:
        found: each with its line.
        labelled: of the file so far, so that not every download is a label.
    """
    of_kinds = (pa.string(), pa.string(), pa.string(), pa.string(), pa.int64(), pa.float64())
    columns = zip(*(sighting for _, sighting in found), strict=True) if found else [()] * len(of_kinds)
    written, kind, sensor, technique, seconds, payload = map(pa.array, columns, of_kinds)
    words = written.dictionary_encode()
    host, unnamed, is_name = (column.take(words.indices) for column in _hosts(words.dictionary))
    reason = first_reason([unnamed, date_reason(seconds, options.now_seconds)])
    keep = pc.is_null(reason)
    table = pa.table(
        {
            "indicator": host,
            "kind": kind,
            "sensor": sensor.fill_null(options.source or source.stem),
            "technique": technique,
            "seen_at": seconds_to_time(seconds, options.now_seconds),
            "source": sensor.fill_null(source.stem)
            if options.source is None
            else pa.repeat(pa.scalar(options.source), len(found)),
        }
    )
    yield Rows("sightings", table.filter(keep))
    fetched = pc.and_(keep, pc.and_(is_name, pc.is_valid(payload)))
    if pc.any(fetched).as_py():
        hosts, said_by = (table[column].filter(fetched).to_pylist() for column in ("indicator", "source"))
        told = zip(
            hosts,
            said_by,
            seconds.filter(fetched).to_pylist(),
            payload.filter(fetched).to_pylist(),
            strict=True,
        )
        yield _labels(told, options, {} if labelled is None else labelled)
    for i in pc.indices_nonzero(pc.invert(keep)).to_pylist():
        line, sighting = found[i]
        rejects.add(line, reason[i].as_py(), sighting.indicator)
    if rejects.lines:
        yield rejects


def _hosts(written: pa.Array) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Names or addresses in their one form, why others are none, and which are names."""
    spelled = canonicalize(written)
    name = spelled.names
    literal = pc.replace_substring_regex(written.filter(pc.is_null(name)), r"^\[(.*)\]$", r"\1")
    address = pc.coalesce(
        *(canonical_addresses(literal, family) for family in (socket.AF_INET, socket.AF_INET6))
    )
    host = pc.replace_with_mask(name, pc.is_null(name), address)  # what is spelled as a name is no address
    local = pc.or_(pc.is_in(name, pa.array(sorted(LOCAL_NAMES))), pc.invert(pc.match_substring(name, ".")))
    local_name = pc.if_else(local.fill_null(False), "local_name", _NULL)
    reason = first_reason([pc.if_else(pc.is_null(host), spelled.reason, _NULL), local_name])
    return host, reason, pc.is_valid(name)


def _labels(downloads: Iterable[tuple[str, str, int, float]], options: Options, labelled: Labelled) -> Rows:
    """Labels of hosts by their source, epoch seconds and confidence, where they tell more than before."""
    kept = []
    for host, source, seen_at, confidence in downloads:
        since, surest = labelled.get((host, source), (seen_at, 0.0))
        if (seen_at >= since and confidence <= surest) or _is_service(host):
            continue
        labelled[host, source] = min(since, seen_at), max(surest, confidence)
        kept.append((host, source, seen_at, confidence))
    names, sources, times, confidences = zip(*kept, strict=True) if kept else ((), (), (), ())
    table = pa.table(
        {
            "name": pa.array(names, pa.string()),
            "verdict": pa.repeat(pa.scalar(options.verdict or "nefarious"), len(kept)),
            "category": pa.repeat(pa.scalar(options.category or PAYLOAD), len(kept)),
            "confidence": pa.array(confidences, pa.float64()),
            "known_at": seconds_to_time(pa.array(times, pa.int64()), options.now_seconds),
            "valid_until": pa.nulls(len(kept), pa.timestamp("us", tz="UTC")),
            "source": pa.array(sources, pa.string()),
        }
    )
    return Rows("labels", table)


def _is_service(host: str) -> bool:
    while host:
        if host in SERVICES:
            return True
        host = host.partition(".")[2]
    return False
