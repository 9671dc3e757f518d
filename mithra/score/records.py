"""What registration, DNS records, labels and popularity say of names, and what of it is missing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.score.facts import AGAINST, FOR, MISSING, Facts, Subject, fact
from mithra.score.words import counted, days, duration, sentence, shown

__all__ = ["facts_of_records"]

DAY_SECONDS = 86_400
NEW_DAYS, YOUNG_DAYS, OLD_DAYS = 7, 90, 730
TERM_DAYS = 370  # the shortest registration, with days of grace
LONG_SEEN_DAYS = 365
SHORT_TTL_SECONDS = 300
MANY_ADDRESSES = 4


def facts_of_records(subject: Subject) -> list[Facts]:
    """What registration, records, labels and popularity say, and what of it is missing."""
    return [*_registration(subject), *_records(subject), *_labels(subject), *_popularity(subject)]


def _registration(subject: Subject) -> list[Facts]:
    created = subject.number("created")
    unknown = np.isnan(created) & np.isnan(subject.number("registration_captured"))
    told = [fact(np.flatnonzero(unknown), "registration", MISSING, 0, "no registration data")]
    signed = np.flatnonzero(subject.number("dnssec") == 1)
    told.append(fact(signed, "registration", AGAINST, 0.5, "its delegation is signed (DNSSEC)", backed=True))
    if not subject.dated:
        return told
    age = (subject.at - created) / DAY_SECONDS
    ranges = (
        (age < NEW_DAYS, FOR, 2.0, False),
        ((age >= NEW_DAYS) & (age < YOUNG_DAYS), FOR, 1.5, False),
        ((age >= YOUNG_DAYS) & (age < OLD_DAYS), FOR, 0.5, True),
        ((age >= YOUNG_DAYS) & (age < OLD_DAYS), AGAINST, 0.5, True),
        (age >= OLD_DAYS, AGAINST, 1.5, False),
    )
    for within, side, strength, backed in ranges:
        rows = np.flatnonzero(within & (age >= 0))
        # A young age is common and by itself no reason: like all that speaks for, the model has to count it.
        told.append(
            fact(
                rows,
                "registration",
                side,
                strength,
                _registered(subject, rows, created),
                backed=backed or side == FOR,
            )
        )
    term = np.flatnonzero((subject.number("expires") - created) / DAY_SECONDS <= TERM_DAYS)
    told.append(fact(term, "registration", FOR, 0.3, "registered for the shortest term", backed=True))
    return told


def _registered(subject: Subject, rows: NDArray[np.int64], created: NDArray[np.float64]) -> pa.Array:
    """`registered 3 days ago, 2 days before it was first seen, through R`, as far as known."""
    since = created[rows].astype(np.int64)
    gap = subject.snapshot.first_seen[subject.ids[rows]] - since
    before = sentence(", ", duration(gap), " before it was first seen")
    told = pc.if_else(pa.array((gap >= 0) & (gap < YOUNG_DAYS * DAY_SECONDS)), before, "")
    registrar = shown(subject.fact("registrar").take(pa.array(rows)))
    through = pc.fill_null(pc.binary_join_element_wise(", through ", registrar, ""), "")
    return sentence("registered ", duration(subject.at - since), " ago", told, through)


def _records(subject: Subject) -> list[Facts]:
    ttl = subject.number("ttl_min")
    short = np.flatnonzero(ttl <= SHORT_TTL_SECONDS)
    told = [
        fact(
            short,
            "resolution",
            FOR,
            0.7,
            sentence("its records live for ", duration(ttl[short]), " only"),
            backed=True,
        ),
        *_spread(subject),
        fact(
            _without(subject, "address", "cname_target"), "resolution", MISSING, 0, "no address records known"
        ),
        fact(_without(subject, "name_server"), "name_server", MISSING, 0, "no name servers known"),
    ]
    if not subject.dated:
        return told
    seen = subject.at - subject.snapshot.first_seen[subject.ids]
    new = np.flatnonzero((seen >= 0) & (seen < NEW_DAYS * DAY_SECONDS))
    long = np.flatnonzero(seen >= LONG_SEEN_DAYS * DAY_SECONDS)
    ago = sentence("first seen ", duration(seen), " ago")
    told += [
        fact(new, "resolution", FOR, 0.0, ago.take(pa.array(new)), backed=True),
        fact(long, "resolution", AGAINST, 0.0, ago.take(pa.array(long))),
    ]
    return told


def _spread(subject: Subject) -> list[Facts]:
    """Names on many addresses."""
    size = len(subject.ids)
    count = {
        name: np.bincount(subject.shared[name].row, minlength=size) if name in subject.shared else None
        for name in ("address", "prefix")
    }
    addresses, networks = count["address"], count["prefix"]
    if addresses is None or networks is None:
        return []
    many = np.flatnonzero(addresses >= MANY_ADDRESSES)
    text = sentence(
        "is on ", counted(addresses[many], "address", "addresses"), " in ", counted(networks[many], "network")
    )
    return [fact(many, "resolution", FOR, 0.5, text, backed=True)]


def _without(subject: Subject, *relations: str) -> NDArray[np.int64]:
    """Rows without an edge in any of these relations."""
    some = np.zeros(len(subject.ids), dtype=bool)
    for name in relations:
        if name in subject.shared:
            some[subject.shared[name].row] = True
    return np.flatnonzero(~some)


def _labels(subject: Subject) -> list[Facts]:
    label, benign = subject.held.label[subject.ids], subject.held.benign_label[subject.ids]
    bad, good = np.flatnonzero(label >= 0), np.flatnonzero(benign >= 0)
    more = subject.held.sources[subject.ids[bad]] - 1
    others = pc.if_else(pa.array(more > 0), sentence(" and ", counted(more, "more source")), "")
    category = shown(subject.snapshot.labels["category"].take(pa.array(label[bad])))
    as_what = pc.fill_null(pc.binary_join_element_wise(" as ", category, ""), "")
    return [
        fact(bad, "label", FOR, 5.0, sentence("listed", _said_by(subject, label[bad]), others, as_what)),
        fact(good, "label", AGAINST, 5.0, sentence("held to be benign", _said_by(subject, benign[good]))),
    ]


def _said_by(subject: Subject, labels: NDArray[np.int64]) -> pa.Array:
    """` by S since 2026-05-03` for rows of the labels, as far as known."""
    source = shown(subject.snapshot.labels["source"].take(pa.array(labels)))
    by = pc.fill_null(pc.binary_join_element_wise(" by ", source, ""), "")
    if not subject.dated:
        return by
    known_at = np.asarray(subject.snapshot.labels["known_at"].take(pa.array(labels)), dtype=np.int64)
    return sentence(by, " since ", days(known_at))


def _popularity(subject: Subject) -> list[Facts]:
    listed_days, rank = subject.number("popular_days"), subject.number("popular_rank")
    some = np.flatnonzero((listed_days > 0) | (rank > 0))
    for_days = pc.if_else(
        pa.array(np.nan_to_num(listed_days[some]) > 0),
        sentence(" for ", counted(np.nan_to_num(listed_days[some]), "day")),
        "",
    )
    at_rank = pc.if_else(
        pa.array(np.nan_to_num(rank[some]) > 0),
        sentence(", at best rank ", pa.array(np.nan_to_num(rank[some]).astype(np.int64))),
        "",
    )
    warned = subject.fact("warning_list")
    on_list = np.flatnonzero(np.asarray(pc.is_valid(warned)))
    return [
        fact(some, "popularity", AGAINST, 4.0, sentence("popular", for_days, at_rank)),
        fact(
            on_list,
            "popularity",
            AGAINST,
            4.0,
            sentence("on the warning list ", shown(warned.take(pa.array(on_list)))),
        ),
    ]
