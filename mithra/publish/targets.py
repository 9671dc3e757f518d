"""The catalogue of what decisions are published for: one line a target, and what each can express.

A target is a module of this package with a function `chunks(entries, settings)` that yields the file piece
by piece, as text or bytes. One that cannot take every name has `fitting(entries, settings)` besides, which
leaves out and counts what does not fit. What a target cannot express is left out or made narrower, and
counted.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TARGETS", "Target", "table"]


@dataclass(frozen=True)
class Target:
    """What a list is for. `module` is imported when a list is written: the catalogue costs nothing."""

    module: str
    about: str
    subtree: bool = True  # a name with all below it; else only the name itself is blocked
    allow: bool = True  # names that must pass; else they are left out
    narrows: str | None = None  # why blocks of single hosts come out as less, where they do
    options: tuple[str, ...] = ()


TARGETS = {
    "rpz": Target("rpz", "response policy zone: BIND, Unbound, Knot Resolver, PowerDNS Recursor",
                  options=("zone", "serial", "answer")),
    "hosts": Target("hosts", "hosts file, also for Pi-hole", subtree=False, allow=False,
                    options=("sinkholes",)),
    "plain": Target("plain", "a name a line", subtree=False, allow=False),
    "dnsmasq": Target("dnsmasq", "dnsmasq 2.86 or later, to include"),
    "unbound": Target("unbound", "Unbound local zones, to include", narrows="host_as_nodata"),
    "adguard": Target("adguard", "AdGuard Home and AdGuard DNS, filter rules"),
    "suricata": Target("suricata", "Suricata 7 rules for DNS queries, one a name", allow=False),
    "suricata-dataset": Target("dataset", "Suricata 7 dataset of exact names", subtree=False, allow=False),
    "zeek": Target("zeek", "Zeek intelligence file, Intel::DOMAIN", subtree=False, allow=False),
    "route53": Target("route53", "Route 53 Resolver DNS Firewall: requests of at most 1,000 domains",
                      allow=False),
    "stix": Target("stix", "STIX 2.1 bundle of indicators", allow=False),
    "misp": Target("misp", "MISP event", allow=False),
    "csv": Target("csvfile", "CSV for people and scripts"),
    "jsonl": Target("jsonlines", "JSON lines"),
    "parquet": Target("parquet", "Parquet"),
}  # fmt: skip


def table() -> str:
    """The catalogue in Markdown, as docs/publish.md shows it."""
    lines = ["| format | for | subtrees | allowed names |", "|---|---|---|---|"]
    for name, target in TARGETS.items():
        subtree = "yes" if target.subtree else "as host"
        lines.append(f"| {name} | {target.about} | {subtree} | {'yes' if target.allow else 'left out'} |")
    return "\n".join(lines) + "\n"
