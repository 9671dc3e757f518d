"""How fast and in how much memory the heavy steps run, each beside a floor: the least that any tool must do.

`bench_build`: a passive DNS file in COF form → workspace → saved snapshot, beside a bare DuckDB `read_json`
with `GROUP BY` over the same file. Every run is a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

__all__ = ["write_cof"]

LINES_PER_NAME = 5
NAMES_PER_DOMAIN = 4
START = 1_767_225_600  # 2026-01-01, epoch seconds
DAYS = 90


def write_cof(path: Path, lines: int, *, seed: int = 7) -> None:
    """Write `lines` passive DNS records in COF form, sorted by nothing, the same for the same seed.

    About one name in five lines and one registered domain in four names; half of the addresses are hosts that
    few share, the rest hosting of many; A, AAAA, NS, MX and CNAME as 60, 10, 14, 8 and 8 %.
    """
    names = max(1, lines // LINES_PER_NAME)
    domains = max(1, names // NAMES_PER_DOMAIN)
    with duckdb.connect(config={"threads": 2}) as con:
        con.execute(
            _COF_SQL.format(lines=lines, names=names, domains=domains, seed=seed, start=START, days=DAYS),
        )
        con.execute(f"COPY cof TO '{path}' (FORMAT json)")


_COF_SQL = """
CREATE MACRO draw(i, salt) AS CAST(hash(i * 64 + salt + {seed} * 1000003) % 1000000007 AS BIGINT);
CREATE MACRO registered(d) AS 'd' || to_base(draw(d, 1), 36, 4) || '-' || d
    || ['.com', '.net', '.org', '.co.uk', '.de', '.shop', '.com.br', '.info'][1 + draw(d, 2) % 8];
CREATE MACRO host(n) AS CASE WHEN n % {per} = 0 THEN registered(n // {per})
    ELSE ['www', 'mail', 'api', 'cdn', 'shop', 'login', 'static', 'dev'][1 + draw(n, 3) % 8]
        || n % {per} || '.' || registered(n // {per}) END;
CREATE MACRO ipv4(x) AS (1 + x // 16777216 % 223) || '.' || (x // 65536 % 256) || '.' || (x // 256 % 256)
    || '.' || (x % 256);
CREATE MACRO skewed(i, salt, n) AS CAST(floor(n * pow(draw(i, salt) / 1000000007, 3)) AS BIGINT);
CREATE TABLE cof AS
WITH record AS (
    SELECT i, draw(i, 10) % {names} AS n, draw(i, 11) % 100 AS kind, draw(i, 12) % ({days} * 86400) AS since
    FROM range({lines}) r(i)
), typed AS (
    SELECT *, CASE WHEN kind < 60 THEN 'A' WHEN kind < 70 THEN 'AAAA' WHEN kind < 84 THEN 'NS'
        WHEN kind < 92 THEN 'MX' ELSE 'CNAME' END AS rrtype
    FROM record
)
SELECT host(CASE WHEN rrtype IN ('NS', 'MX') THEN n - n % {per} ELSE n END) || '.' AS rrname,
    rrtype,
    CASE rrtype
        WHEN 'A' THEN ipv4(3 * CASE WHEN kind < 30 THEN draw(i, 13) ELSE draw(skewed(i, 14, 20000), 15) END)
        WHEN 'AAAA' THEN printf('2001:db8:%x::%x', skewed(i, 16, 4000) % 65536, 1 + draw(i, 17) % 60)
        WHEN 'NS' THEN 'ns' || (1 + i % 2) || '.dns' || skewed(n // {per}, 18, 5000) || '.net.'
        WHEN 'MX' THEN 'mx' || (1 + i % 2) || '.mail' || skewed(n // {per}, 19, 3000) || '.com.'
        ELSE 'edge' || skewed(i, 20, 50000) || '.cdn' || skewed(i, 20, 50000) % 40 || '.net.'
    END AS rdata,
    {start} + since AS time_first,
    {start} + since + draw(i, 21) % ({days} * 86400 - since + 1) AS time_last,
    1 + draw(i, 22) % 1000 AS count
FROM typed
""".replace("{per}", str(NAMES_PER_DOMAIN))
