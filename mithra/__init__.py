"""Find nefarious domain names early: records in, a graph of what domains share, a ranking, block lists.

    import mithra as mt

The names below are fetched from their layer on first use, so that the import itself stays under 0.3 s. Some
verbs are called like the package that they live in (`mt.score`, `mithra/score/`): the attribute is always the
function. Reach into such a package with `from mithra.score import …`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mithra.decide.decide import decide
    from mithra.decide.decisions import Decisions
    from mithra.decide.ledger import Ledger, allow
    from mithra.decide.policy import Policy
    from mithra.errors import MithraError
    from mithra.explain.answers import Answer, answers, label
    from mithra.explain.audit import Audit, audit
    from mithra.explain.campaign_result import Campaign, Campaigns
    from mithra.explain.campaigns import campaigns
    from mithra.explain.detect import detect
    from mithra.explain.findings import Findings
    from mithra.explain.report import report
    from mithra.graph.snapshot import Snapshot
    from mithra.graph.take import snapshot
    from mithra.learn.card import ReportCard
    from mithra.learn.evaluate import evaluate
    from mithra.learn.model import Model, load
    from mithra.learn.recalibrate import calibrate
    from mithra.learn.settings import TrainSettings
    from mithra.learn.train import train
    from mithra.observe.compact import compact
    from mithra.observe.ingest import IngestReport, ingest
    from mithra.observe.workspace import Workspace
    from mithra.publish.publish import Publication, publish
    from mithra.publish.push import Push, push
    from mithra.score.batch import score
    from mithra.score.explain import Explanation, explain
    from mithra.score.scores import Scores
    from mithra.simulate.settings import WorldSettings
    from mithra.simulate.world import World, simulate

    __version__: str

__all__ = [
    "Answer",
    "Audit",
    "Campaign",
    "Campaigns",
    "Decisions",
    "Explanation",
    "Findings",
    "IngestReport",
    "Ledger",
    "MithraError",
    "Model",
    "Policy",
    "Publication",
    "Push",
    "ReportCard",
    "Scores",
    "Snapshot",
    "TrainSettings",
    "Workspace",
    "World",
    "WorldSettings",
    "allow",
    "answers",
    "audit",
    "calibrate",
    "campaigns",
    "compact",
    "decide",
    "detect",
    "evaluate",
    "explain",
    "ingest",
    "label",
    "load",
    "publish",
    "push",
    "report",
    "score",
    "simulate",
    "snapshot",
    "train",
]

_HOMES = {
    "Answer": "mithra.explain.answers",
    "Audit": "mithra.explain.audit",
    "Campaign": "mithra.explain.campaign_result",
    "Campaigns": "mithra.explain.campaign_result",
    "Decisions": "mithra.decide.decisions",
    "Explanation": "mithra.score.explain",
    "Findings": "mithra.explain.findings",
    "IngestReport": "mithra.observe.ingest",
    "Ledger": "mithra.decide.ledger",
    "MithraError": "mithra.errors",
    "Model": "mithra.learn.model",
    "Policy": "mithra.decide.policy",
    "Publication": "mithra.publish.publish",
    "Push": "mithra.publish.push",
    "ReportCard": "mithra.learn.card",
    "Scores": "mithra.score.scores",
    "Snapshot": "mithra.graph.snapshot",
    "TrainSettings": "mithra.learn.settings",
    "Workspace": "mithra.observe.workspace",
    "World": "mithra.simulate.world",
    "WorldSettings": "mithra.simulate.settings",
    "allow": "mithra.decide.ledger",
    "answers": "mithra.explain.answers",
    "audit": "mithra.explain.audit",
    "calibrate": "mithra.learn.recalibrate",
    "campaigns": "mithra.explain.campaigns",
    "compact": "mithra.observe.compact",
    "decide": "mithra.decide.decide",
    "detect": "mithra.explain.detect",
    "evaluate": "mithra.learn.evaluate",
    "explain": "mithra.score.explain",
    "ingest": "mithra.observe.ingest",
    "label": "mithra.explain.answers",
    "load": "mithra.learn.model",
    "publish": "mithra.publish.publish",
    "push": "mithra.publish.push",
    "report": "mithra.explain.report",
    "score": "mithra.score.batch",
    "simulate": "mithra.simulate.world",
    "snapshot": "mithra.graph.take",
    "train": "mithra.learn.train",
}


class _Lazy:
    """An attribute of this package that is imported when it is first asked for.

    A data descriptor, because importing `mithra.score.batch` makes Python set `mithra.score` to that package,
    which would hide the function from then on. Anything but a module may be set (tests put fakes there).
    """

    def __init__(self, name: str, home: str) -> None:
        self._name, self._home = name, home

    def __get__(self, package: ModuleType, owner: type) -> Any:
        if self._name not in package.__dict__:
            package.__dict__[self._name] = getattr(import_module(self._home), self._name)
        return package.__dict__[self._name]

    def __set__(self, package: ModuleType, value: object) -> None:
        if not isinstance(value, ModuleType):
            package.__dict__[self._name] = value


class _Version:
    """`__version__`, from the installed package's metadata."""

    def __get__(self, package: ModuleType, owner: type) -> str:
        from importlib.metadata import version

        return version("mithra")


class _Package(ModuleType):
    """This package with its lazy attributes."""

    __version__ = _Version()

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *__all__, "__version__"})


for _name, _home in _HOMES.items():
    setattr(_Package, _name, _Lazy(_name, _home))
sys.modules[__name__].__class__ = _Package
