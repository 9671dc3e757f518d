"""A canary: labels and records that only the future knows move no score, from files to scores.

The same canary, known before, does move them: else the test would prove nothing.
"""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import mithra as mt
from mithra.graph.take import moment

LABELS = {"name": "name", "verdict": "verdict", "known_at": "known_at"}
TRAINED, SCORED = moment("2026-05-20"), moment("2026-05-28")


def plant(folder: Path, names: list[str], at: datetime) -> list[Path]:
    """Files of a day: the names are listed, move to one address and name server, and are registered anew."""
    folder.mkdir()
    seen, address = int(at.timestamp()), "203.0.113.66"
    lines = [
        {"rrname": name, "rrtype": kind, "rdata": data, "time_first": seen, "time_last": seen, "count": 9}
        for name in names
        for kind, data in (("A", address), ("NS", "ns.canary.example"))
    ]
    (folder / "canary.cof.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    (folder / "canary.csv").write_text(
        "name,verdict,known_at\n" + "".join(f"{name},nefarious,{at.isoformat()}\n" for name in names)
    )
    return [folder / "canary.cof.jsonl", folder / "canary.csv"]


def outcome(
    lake: Path, files: list[Path], to: Path, settings: mt.TrainSettings
) -> tuple[str, dict[str, float], float]:
    """Digest of the model, score of every name, and how many labels the workspace holds, with the canary."""
    workspace = mt.Workspace(shutil.copytree(lake, to))
    records, listed = files
    mt.ingest(workspace, records)
    mt.ingest(workspace, listed, table="labels", columns=LABELS, source="canary")
    model = mt.train(workspace, TRAINED, settings=settings)
    table = mt.score(model, mt.snapshot(workspace, SCORED), reasons=False).to_arrow()
    scores = dict(zip(table["name"].to_pylist(), table["score"].to_pylist(), strict=True))
    return model.digest, scores, workspace.status().tables["labels"].rows


def test_no_score_knows_the_future(
    small_lake: Path, small_model: Path, quick_settings: mt.TrainSettings, tmp_path: Path
) -> None:
    snapshot = mt.snapshot(small_lake, TRAINED)
    names = snapshot.names.to_pylist()[::20]
    model = mt.load(small_model)  # trained then, with these settings
    table = mt.score(model, mt.snapshot(small_lake, SCORED), reasons=False).to_arrow()
    before = dict(zip(table["name"].to_pylist(), table["score"].to_pylist(), strict=True))
    rows = mt.Workspace(small_lake).status().tables["labels"].rows

    late = plant(tmp_path / "late", names, SCORED + timedelta(hours=1))
    digest, scores, labels = outcome(small_lake, late, tmp_path / "later", quick_settings)
    assert labels == rows + len(names)  # it is there
    assert digest == model.digest
    assert scores == before

    early = plant(tmp_path / "early", names, datetime(2026, 5, 10, tzinfo=UTC))
    digest, scores, _ = outcome(small_lake, early, tmp_path / "earlier", quick_settings)
    assert digest != model.digest
    assert sum(scores[name] != before[name] for name in names) > len(names) / 2
