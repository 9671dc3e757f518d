"""What readers of honeypots and alerts share: hosts with dates become rows of `sightings`, and of `labels`.

Every host is a sighting. A label it is only where an attacker had the sensor fetch a file from it: by its own
name, from the time of that event on, and with more confidence where the file was there. Hosts that are
merely mentioned (a ping, a proxy request, an alert) are none: attackers test their way out with google.com.
Nor are services that serve anybody's files or tell bots their address: what comes from there says nothing of
the host.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from mithra.names import canonicalize
from mithra.observe.readers.labels import LOCAL_NAMES
from mithra.observe.records import canonical_addresses, date_reason, first_reason, seconds_to_time
from mithra.observe.source import Options, Rejects, Rows, Source
from mithra.schema import table_schema

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


Labelled = dict[tuple[str, str], tuple[datetime, float]]  # by host and source: since when, how sure


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
    lines, seen = [line for line, _ in found], [sighting for _, sighting in found]
    written = pa.array([sighting.indicator for sighting in seen], pa.string())
    words = written.dictionary_encode()
    spelled = canonicalize(words.dictionary)
    name, reason = spelled.names.take(words.indices), spelled.reason.take(words.indices)
    literal = pc.replace_substring_regex(written, r"^\[(.*)\]$", r"\1")
    addresses = [canonical_addresses(literal, family) for family in (socket.AF_INET, socket.AF_INET6)]
    seconds = pa.array([sighting.seen_at for sighting in seen], pa.int64())
    unknown = pc.and_(pc.is_null(addresses[0]), pc.is_null(addresses[1]))
    local = pc.or_(pc.is_in(name, pa.array(sorted(LOCAL_NAMES))), pc.invert(pc.match_substring(name, ".")))
    reason = first_reason(
        [
            pc.if_else(unknown, reason, _NULL),
            pc.if_else(pc.and_(unknown, local.fill_null(False)), "local_name", _NULL),
            date_reason(seconds, options.now_seconds),
        ]
    )
    keep = pc.is_null(reason)
    sensor = pa.array([sighting.sensor for sighting in seen], pa.string())
    table = pa.table(
        {
            "indicator": pc.coalesce(*addresses, name),
            "kind": pa.array([sighting.kind for sighting in seen], pa.string()),
            "sensor": sensor.fill_null(options.source or source.stem),
            "technique": pa.array([sighting.technique for sighting in seen], pa.string()),
            "seen_at": seconds_to_time(seconds, options.now_seconds),
            "source": sensor.fill_null(source.stem)
            if options.source is None
            else pa.repeat(pa.scalar(options.source), len(seen)),
        }
    )
    yield Rows("sightings", table.filter(keep))
    payload = pa.array([sighting.payload for sighting in seen], pa.float64())
    fetched = pc.and_(keep, pc.and_(unknown, pc.is_valid(payload)))
    if pc.any(fetched).as_py():
        downloads = table.append_column("confidence", payload).filter(fetched)
        yield _labels(downloads, options, {} if labelled is None else labelled)
    for i in pc.indices_nonzero(pc.invert(keep)).to_pylist():
        rejects.add(lines[i], reason[i].as_py(), seen[i].indicator)
    if rejects.lines:
        yield rejects


def _labels(downloads: pa.Table, options: Options, labelled: Labelled) -> Rows:
    rows = []
    for row in downloads.to_pylist():
        host, seen_at, confidence = row["indicator"], row["seen_at"], row["confidence"]
        since, surest = labelled.get((host, row["source"]), (seen_at, 0.0))
        if _is_service(host) or (seen_at >= since and confidence <= surest):
            continue
        labelled[host, row["source"]] = min(since, seen_at), max(surest, confidence)
        rows.append(
            {
                "name": host,
                "verdict": options.verdict or "nefarious",
                "category": options.category or PAYLOAD,
                "confidence": confidence,
                "known_at": seen_at,
                "source": row["source"],
            }
        )
    schema = table_schema("labels")
    return Rows(
        "labels",
        pa.Table.from_pylist(rows, schema.remove(schema.get_field_index("ingest_id"))),
    )


def _is_service(host: str) -> bool:
    labels = host.split(".")
    return any(".".join(labels[i:]) in SERVICES for i in range(len(labels)))
