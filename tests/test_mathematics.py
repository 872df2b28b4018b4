"""Formulas are set when the book is built: as MathJax's HTML, with MathML for those who hear the page."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "book" / "_ext"))

import mathematics


def test_a_formula_has_its_signs_and_its_mathml() -> None:
    formula = BeautifulSoup(mathematics.typeset(r"\frac{a}{b}"), "html.parser")
    assert formula.select_one("mjx-math")["aria-hidden"] == "true"
    assert formula.select_one("mjx-assistive-mml math mfrac").get_text() == "ab"
    assert mathematics.signs(str(formula)) == {"mjx-c1D44E TEX-I", "mjx-c1D44F TEX-I"}


def test_a_display_says_so() -> None:
    assert 'display="true"' in mathematics.typeset("x", True) and 'display="true"' not in mathematics.typeset("x")


@pytest.mark.parametrize("wrong", [r"\frac{a}", r"\nosuchmacro x", r"\begin{aligned} x"])
def test_what_mathjax_cannot_read_is_an_error(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        mathematics.typeset(wrong)


def test_the_style_sheet_holds_the_signs_in_use_and_no_others() -> None:
    used = mathematics.signs(mathematics.typeset(r"a + \mathcal{L}"))
    sheet = mathematics.styles(used)
    assert "mjx-c.mjx-c1D44E.TEX-I" in sheet and "mjx-c.mjx-c1D44F.TEX-I" not in sheet
    assert sheet.count("font-display: swap") == sheet.count("@font-face") > 0
