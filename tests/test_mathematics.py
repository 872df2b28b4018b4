"""Formulas are set at build time, as HTML and MathML; a fault in one is an error."""

from __future__ import annotations

import re

import pytest
from bs4 import BeautifulSoup

from bookext.book import STATIC
from bookext.pages.mathematics import signs, styles, typeset


def test_a_formula_becomes_html_to_see_and_mathml_to_hear() -> None:
    html = typeset(r"\log p_\theta(x) \ge \mathcal{L}", display=True)
    formula = BeautifulSoup(html, "html.parser").contents[0]
    assert formula.name == "mjx-container" and formula["display"] == "true"
    seen, heard = formula.select_one("mjx-math"), formula.select_one("mjx-assistive-mml math")
    assert seen["aria-hidden"] == "true" and seen.get_text() == ""
    assert re.sub(r"\s", "", heard.get_text()) == "log\u2061p\u03b8(x)\u2265L"
    assert not BeautifulSoup(typeset("x"), "html.parser").contents[0].has_attr("display")


@pytest.mark.parametrize(
    "wrong, reason",
    [
        (r"\lgo x", r"Undefined control sequence \\lgo"),
        (r"\frac{a}{b", "Missing close brace"),
        (r"a_1_2", "Double subscripts"),
        (r"\begin{aligned} a", r"Missing \\end\{aligned\}"),
    ],
)
def test_a_formula_that_is_none_is_refused_with_its_reason(wrong: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        typeset(wrong)


def test_the_style_sheet_has_each_sign_that_is_used_and_no_other() -> None:
    tall = r"\left\{ \frac{\frac ab}{\frac ab} \right\}"
    used = signs(typeset(rf"\underbrace{{\sigma + \{{a\}}}}_{{1}} {tall} \sum x"))
    assert {"mjx-c1D70E TEX-I", "mjx-c7B", "mjx-c23DF", "mjx-c2B"} <= used
    sheet = styles(used)
    for sign in used:
        assert f".{sign.replace(' ', '.')}" in sheet, sign
    styled = re.findall(r"mjx-c\.(mjx-c[\dA-F]+(?:\.TEX-\w+)?)::before", sheet)
    assert {name.replace(".", " ") for name in styled} <= used
    assert sheet.count("{") - sheet.count('"{"') == sheet.count("}") - sheet.count('"}"')


def test_fonts_are_our_own_and_do_not_hold_up_the_text() -> None:
    sheet = styles(set())
    faces = re.findall(r"@font-face \{[^}]*\}", sheet)
    assert len(faces) > 15 and all("font-display: swap" in face for face in faces)
    for name in re.findall(r'url\("(?!data:)([^"]+)"\)', sheet):
        assert (STATIC / name).is_file(), name
