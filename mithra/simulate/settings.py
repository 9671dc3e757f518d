"""What a simulated world is made of: shares of each mechanism, how hard it is, how well feeds see it.

The defaults are frozen: they were tuned until trees score names that arrive about as public models do on real
passive DNS. docs/decisions.md has the numbers, also of what falls short, and a change is recorded there.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from mithra.errors import UsageError

__all__ = ["WorldSettings"]

MOST_NEFARIOUS = 0.5  # attackers need honest sites to take over and to hide among
_POSITIVE = {"campaign_size", "rate_old", "rate_new", "report_days"}
_SHARES = ("_share", "_coverage", "_overlap", "_mistakes")


@dataclass(frozen=True)
class WorldSettings:
    """Settings of `simulate`. Shares lie in 0 to 1; those called weights need not add up to 1."""

    # who there is
    nefarious_share: float = 0.055  # of registered domains and tenants
    # shares of the nefarious; the rest are attackers' own domains
    compromised_share: float = 0.05
    shadowed_share: float = 0.05
    free_hosting_share: float = 0.11
    dynamic_share: float = 0.02
    lone_share: float = 0.15  # attackers' domains that belong to no campaign
    campaign_size: float = 11.0  # mean
    campaign_spread: float = 1.3  # of the logarithm of the size
    new_share: float = 0.38  # honest names that first resolve inside the window
    early_share: float = 0.25  # nefarious names active before the window

    # how hard it is
    camouflage_share: float = 0.03  # attackers' campaigns that name like honest owners
    look_alike_share: float = 0.035  # honest names built like attackers'
    marketing_share: float = 0.05  # honest domains bought in batches for campaigns of the legal kind
    grey_share: float = 0.03  # honest customers of hosters that attackers prefer
    bargain_share: float = 0.25  # honest new owners who buy cheap suffixes at cheap registrars
    stray_share: float = 0.22  # members that leave their campaign's plan for hosting or name servers
    hop_share: float = 0.40  # attackers' domains that change their address
    second_address_share: float = 0.35  # attackers' domains with two addresses at once
    # attackers' hosting (weights): cheap shared, shared, own server, bulletproof, CDN, cloud, fast flux
    hosting_weights: tuple[float, ...] = (0.20, 0.18, 0.16, 0.08, 0.21, 0.13, 0.04)
    # their name servers: registrar's, hoster's, own (weights); behind a CDN, the CDN's
    name_server_weights: tuple[float, float, float] = (0.50, 0.40, 0.10)

    # how well it is seen
    rate_old: float = 0.08  # median sightings a day of a name known before the window
    rate_new: float = 0.35  # the same of one that appears inside it, honest or not
    registration_coverage: float = 0.85  # of domains under suffixes that answer RDAP
    redacted_share: float = 0.55  # of RDAP records
    network_coverage: float = 0.97  # of announced ranges, in the table of IP ranges

    # block lists: hosts file, dated CSV, URLhaus-like CSV
    list_coverage: tuple[float, float, float] = (0.32, 0.22, 0.17)  # of the nefarious, sooner or later
    list_overlap: float = 0.05  # listed names that a second list also has
    list_mistakes: tuple[float, float, float] = (0.012, 0.004, 0.02)  # entries that are honest names
    report_days: float = 5.0  # median, activation to first report

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            numbers = value if isinstance(value, tuple) else (value,)
            if isinstance(field.default, tuple) and len(numbers) != len(field.default):
                raise UsageError(f"{field.name} needs {len(field.default)} numbers", value=value)
            if not all(number >= 0 for number in numbers):
                raise UsageError(f"{field.name} must not be negative", value=value)
            if field.name in _POSITIVE and not value > 0:
                raise UsageError(f"{field.name} must be positive", value=value)
            if field.name.endswith("_weights") and sum(numbers) <= 0:
                raise UsageError(f"{field.name} must not all be zero", value=value)
            if field.name.endswith(_SHARES) and max(numbers) > 1:
                raise UsageError(f"{field.name} is a share", value=value, hint="Give numbers from 0 to 1")
        kinds = self.compromised_share + self.shadowed_share + self.free_hosting_share + self.dynamic_share
        if kinds > 1:
            raise UsageError("the shares of nefarious kinds add up to more than 1", value=kinds)
        if self.nefarious_share > MOST_NEFARIOUS:
            raise UsageError(f"nefarious_share is at most {MOST_NEFARIOUS}", value=self.nefarious_share)
