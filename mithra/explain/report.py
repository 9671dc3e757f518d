"""A report card or an explanation as one HTML page: nothing to fetch, nothing that runs.

Names, organisations and sources are hostile strings: the template engine escapes every value, pictures are
embedded as images that hold no markup of the page, and the page forbids scripts and remote content.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from importlib.metadata import version
from io import BytesIO
from typing import TYPE_CHECKING, Any

from mithra.explain.picture import card_figure, company_figure
from mithra.learn.card import ReportCard
from mithra.names import display
from mithra.score.explain import Explanation
from mithra.score.meetings import NOUNS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["report"]

DOTS_PER_INCH = 130


def report(subject: ReportCard | Explanation) -> str:
    """The page, UTF-8 once encoded; the same for the same subject.

    Args:
        subject: what `evaluate` or `explain` returned. A card that was read back from JSON has no curves, so
            its page has no picture.

    Example:
        >>> Path("card.html").write_text(mt.report(card), encoding="utf-8")  # doctest: +SKIP
    """
    if isinstance(subject, ReportCard):
        picture = _embedded(card_figure(subject)) if subject.curves else None
        return _page("card.html", card=subject, picture=picture)
    sides = (
        ("for", "Speaks for nefarious", subject.for_),
        ("against", "Speaks against", subject.against),
        ("missing", "Missing", subject.missing),
    )
    weights = [abs(item.weight) for _, _, items in sides for item in items]
    picture = _embedded(company_figure(subject)) if subject.shared else None
    most = max(weights, default=0) or 1
    return _page("explanation.html", told=subject, sides=sides, most=most, picture=picture, nouns=NOUNS)


def _page(template: str, **values: Any) -> str:
    return str(_pages().get_template(template).render(version=version("mithra"), **values))


@cache
def _pages() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    pages = Environment(
        loader=PackageLoader("mithra.explain", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters["display"] = display
    return pages


def _printable(value: Any) -> Any:
    """Without what turns the reading direction or hides: escaped as a terminal would show it."""
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)


def _embedded(figure: Figure) -> str:
    """A figure as the address of an image."""
    content = BytesIO()
    figure.savefig(content, format="png", dpi=DOTS_PER_INCH)
    return "data:image/png;base64," + b64encode(content.getvalue()).decode()
