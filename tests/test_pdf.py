"""The book on paper: what happens to ids, links, folds and answers, on small pages."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup

from bookext.book import docname
from bookext.book import pages as all_pages
from bookext.print import onebook, pdf

NAMES = {"book/one", "book/two"}
SITE = "https://example.org/"
FOLD = """<details class="hide"><summary>Show the code</summary>
<div class="cell_input"><pre>{}</pre></div></details>"""
PICTURE = '<div class="cell_output"><img src="a.png"></div>'
PRINT = '<div class="cell_output"><div class="output stream">7</div></div>'


def article(inner: str) -> str:
    return f'<article><section id="top"><h1>One</h1>{inner}</section></article>'


def page(inner: str, name: str = "book/one") -> onebook.Page:
    """A page with this inside, as the one document holds it."""
    made = onebook.Page(name, "Part", onebook.fragment(article(inner)))
    onebook.prepare(made, NAMES, SITE)
    return made


@pytest.mark.parametrize(
    "address, becomes",
    [
        ("two.html", "#book-two"),
        ("two.html#a", "#book-two--a"),
        ("#a", "#book-one--a"),
        ("../book/two.html#a%2Fb", "#book-two--a-b"),
        ("../search.html?q=x#a", "https://example.org/search.html#a"),
        ("../_downloads/x.py", "https://example.org/_downloads/x.py"),
        ("https://arxiv.org/abs/1", "https://arxiv.org/abs/1"),
        ("mailto:a@b.org", "mailto:a@b.org"),
    ],
)
def test_where_a_link_leads(address: str, becomes: str) -> None:
    assert onebook.new_address(address, "book/one", NAMES, SITE) == becomes


def test_pages_with_the_same_ids_keep_apart() -> None:
    pages = [page('<p id="a"><a href="#a">here</a> <a href="two.html#a">there</a></p>')]
    back = '<p id="a"><a href="one.html#a">back</a> <a href="one.html">top</a></p>'
    pages.append(page(back, "book/two"))
    soup = BeautifulSoup(onebook.document([*pages, onebook.appendix(pages)]), "html.parser")
    ids = [tag["id"] for tag in soup.find_all(id=True)]
    places = ["book-one--a", "book-two--a", "book-one--a", "book-one"]
    assert len(ids) == len(set(ids)) and {*places, "book-two"} <= set(ids)
    assert {link["href"][1:] for link in soup.select("a[href^='#']")} <= set(ids)
    assert [link["href"][1:] for link in soup.select("article p a")] == places


def test_a_drawing_keeps_its_parts_together() -> None:
    inside = '<path id="p"/><use href="#p" clip-path="url(#c)"/>'
    svg = page(f'<svg aria-labelledby="t u">{inside}</svg>').article.svg
    assert svg["aria-labelledby"] == "book-one--t book-one--u"
    assert svg.use["href"] == "#" + svg.path["id"] == "#book-one--p"
    assert svg.use["clip-path"] == "url(#book-one--c)"


def test_what_is_for_the_screen_goes() -> None:
    inner = (
        '<h2>Two<a class="headerlink" href="#top">#</a></h2><script>1</script><button>Copy</button>'
        '<a href="../_images/a.png"><img loading="lazy" src="../_images/a.png"></a>'
        '<a href="../_modules/x.html#f"><span class="viewcode-link">[source]</span></a>'
    )
    left = page(inner).article
    assert left.get_text() == "OneTwo" and not left.select("script, button, a")
    assert left.img.attrs == {"src": "_images/a.png"}


@pytest.mark.parametrize(
    "cell, told",
    [
        ('<div class="cell">{}' + PICTURE + "</div>", False),
        ('<div class="cell">{}</div>', False),
        ('<div class="cell">{}' + PRINT + "</div>", True),
        ('<div class="cell" id="check-1-1-1">{}' + PICTURE + "</div>", True),
    ],
)
def test_folded_code_that_only_draws_is_left_out(cell: str, told: bool) -> None:
    left = page(cell.format(FOLD.format("plot()"))).article
    assert ("plot()" in left.get_text()) is told and "Show the code" not in left.get_text()
    assert len(left.select("img")) == cell.count("<img"), "the figure stays"
    assert bool(left.select(".cell")) is ("cell_output" in cell), "an empty cell does not stay"


def folded(title: str, text: str, kind: str = "") -> str:
    heading = f'<p class="admonition-title">{title}</p>'
    return f'<div class="{kind} dropdown admonition">{heading}<p>{text}</p></div>'


def test_an_aside_that_is_folded_stands_open() -> None:
    left = page(folded("Aside", "It is so."))
    assert "It is so." in left.article.get_text() and not left.answers


SOLVED = f"""
<section id="ex-a"><h1>1.1 A sum</h1><p>Why?</p>{folded("Hint 1", "Count.", "hint")}
{folded("Solution", 'Because of <a href="#top">this</a>.', "solution")}</section>"""


def test_hints_and_solution_move_and_links_lead_both_ways() -> None:
    made = page(SOLVED)
    hint, solution = made.answers
    assert "Count" in hint.get_text() and "Because" in solution.get_text()
    assert "Because" not in made.article.get_text() and "Count" not in made.article.get_text()
    ways = made.article.select("#book-one--ex-a .to-answer a")
    for there, answer in zip(ways, made.answers, strict=True):
        assert there["href"] == "#" + answer["id"] and there.span["data-page-of"] == answer["id"]
        assert answer.a["href"] == "#book-one--ex-a"
    back = onebook.appendix([made])
    assert back.article.find(id=solution["id"]) is solution


QUIZ = """
<section id="s"><h1>One</h1>
<div class="quiz"><p><span class="quiz-label">Check yourself</span> How many?</p>
<details name="q"><summary>Six</summary><p>No. By nine.</p></details>
<details name="q"><summary>42</summary><p>Right. It is.</p></details></div></section>"""


def test_a_quiz_keeps_its_choices_and_says_why_elsewhere() -> None:
    made = page(QUIZ)
    (why,) = made.answers
    assert [choice.get_text() for choice in made.article.select("ol li")] == ["Six", "42"]
    assert "Check yourself 1." in made.article.get_text() and "Right" not in made.article.get_text()
    assert [reason.get_text() for reason in why.select("li")] == ["No. By nine.", "Right. It is."]
    there = made.article.select_one(".to-answer a")
    assert there["href"] == "#" + why["id"] and there.span["data-page-of"] == why["id"]
    assert made.article.find(id=why.a["href"][1:]) is made.article.select_one(".quiz")


def test_an_answer_is_named_after_its_section() -> None:
    asked = f"<h2>Six by nine</h2><p>How many?</p>{folded('Answer', '42')}"
    made = page(f'<section id="s">{asked}</section>')
    (answer,) = made.answers
    assert answer.select_one(".admonition-title").get_text() == "Answer: Six by nine"
    assert answer.a["href"] == "#book-one--s" and "42" in answer.get_text()
    assert made.article.select_one("#book-one--s .to-answer a")["href"] == "#" + answer["id"]
    assert "42" not in made.article.get_text()


def test_a_figure_that_moves_stands_still() -> None:
    inside = '<img src="a.png" alt="A"><input type="range"><p>K = 3</p><script>1</script>'
    figure = page(f'<div class="vaelib-figure">{inside}</div>').article.select_one(".vaelib-figure")
    assert figure.decode_contents() == '<img alt="A" src="book/a.png"/>'
    with pytest.raises(ValueError, match="no still"):
        page('<div class="vaelib-figure"><canvas></canvas></div>')


def test_punctuation_keeps_to_its_formula() -> None:
    x, y = (rf'<span class="math">\({letter}\)</span>' for letter in "xy")
    left = page(f"<p>So ({x}), a {y}-axis and</p>").article.p
    assert left.get_text() == r"So (\(x\)), a \(y\)-axis and"
    assert [held.get_text() for held in left.select(".held")] == [r"(\(x\)),", r"\(y\)-axis"]


def test_long_code_may_break_and_its_text_is_the_same() -> None:
    tokens = '<span class="k">def</span> <span class="n">f</span><span class="p">():</span>'
    code = f"<pre>{tokens}\n</pre><pre>{tokens}{chr(10) * 30}</pre>"
    short, long = page(code).article.select("pre")
    assert short.get_text() == "def f():\n"
    assert [tag["class"] for tag in short.select("span")] == [["k"]]
    assert long.get("class") == "long" and not short.get("class")


def test_a_heading_with_mathematics_has_plain_letters() -> None:
    heading = onebook.fragment(r"<h2>The  bound <span>\(\mathcal{L}_K\)</span></h2>")
    assert onebook.plain(heading) == "The bound L_K"


def test_the_order_is_that_of_the_table_of_contents() -> None:
    parts = onebook.parts()
    assert list(parts) == [docname(source) for source in all_pages()]
    assert parts["book/index"] == "" and parts["book/03_jensen"] == parts["book/04_elbo"] != ""


def test_faults_stop_the_build() -> None:
    pdf.refuse([])
    with pytest.raises(SystemExit, match="a picture is missing"):
        pdf.refuse(["a picture is missing"])
