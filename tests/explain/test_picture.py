"""The report card's picture: what it draws, and that the same card gives the same bytes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mithra.errors import UsageError
from mithra.explain.picture import card_figure, save_figure


def texts(axes):
    return "\n".join(text.get_text() for text in axes.texts)


def test_the_three_parts_show_the_cards_numbers(card):
    figure = card_figure(card)
    precision, calibration, scores = figure.axes
    assert precision.lines[0].get_xdata().tolist() == [1.0, 0.5, 0.0]
    assert precision.lines[1].get_ydata()[0] == 3 / 7  # by chance
    assert "mithra: AP 0.871\ntrees-lexical: AP 0.700" in texts(precision)
    assert calibration.lines[1].get_xdata().tolist() == [0.2, 0.9]  # the empty bin is left out
    assert "calibration error 0.021" in texts(calibration)
    assert scores.lines[0].get_xdata()[0] == 0.9
    assert "flagged from 0.900" in texts(scores)
    assert [text.get_text() for text in scores.get_legend().get_texts()] == ["benign", "nefarious"]
    assert figure.get_suptitle() == (
        "1,200 names that arrived 2026-06-01 to 2026-07-01: 3 known as nefarious, 4 taken as benign"
        ", model trained on simulated data"
    )


@pytest.mark.parametrize("ending", ["png", "pdf"])
def test_the_same_card_gives_the_same_bytes(card, tmp_path, ending):
    one, two = (save_figure(card_figure(card), tmp_path / f"{n}.{ending}").read_bytes() for n in "ab")
    assert one == two
    assert one[:4] in (b"\x89PNG", b"%PDF")
    assert len(list(tmp_path.iterdir())) == 2


def test_what_cannot_be_drawn_or_written(card, tmp_path):
    with pytest.raises(UsageError, match="no curves"):
        card_figure(replace(card, curves={}))
    with pytest.raises(UsageError, match="unknown ending"):
        save_figure(card_figure(card), tmp_path / "card.bmp")
