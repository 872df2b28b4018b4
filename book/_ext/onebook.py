"""All pages of the built book as one document for paper: what a page loses, where links lead, what the appendix holds.

Nothing here needs a browser; ``pdf.py`` prints what this makes.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, NavigableString, Tag
from execution import ROOT, config
from sphinx_external_toc.parsing import parse_toc_yaml

import vaelib

STYLE = Path(__file__).with_name("onebook.css")
APPENDIX = "solutions"
LEFT_OUT = {"book/exercises/sheets"}
# What is of use on a screen only: scripts, buttons, the theme's links to a heading and to a function's source.
SCREEN_ONLY = "script, style, button, .visually-hidden, .headerlink, .toctree-wrapper, .only-dark, a:has(> .viewcode-link)"
# Keywords, strings, comments and numbers: how Pygments' names of their classes begin.
COLOURED = ("k", "s", "c", "m")
# Attributes that hold the id of another element, or several.
POINTERS = (
    "for",
    "headers",
    "aria-labelledby",
    "aria-describedby",
    "aria-controls",
    "aria-details",
)
IMPRINT = """
This edition is printed from the pages of the book, and holds all of them. Code that a page folds away, because it only
imports or draws, is left out; the notebooks in the book’s repository have it. A figure that can be moved on its page
stands still here. Hints, solutions and answers are in the appendix, each with a link from its question and one back.
The problem sheets, which repeat what the exercises ask, are left out.
"""


@dataclass
class Page:
    """A page of the book: its name (``book/03_jensen``), its part's caption, its text, its answers and style sheets."""

    name: str
    part: str
    article: Tag
    answers: list[Tag] = field(default_factory=list)
    sheets: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        return page_id(self.name)

    @property
    def title(self) -> Tag:
        return self.article.find("h1")


def fragment(html: str) -> Tag:
    """The one element that this HTML holds."""
    return BeautifulSoup(html.strip(), "html.parser").find(True).extract()


def page_id(name: str) -> str:
    """The id that a page has in the one document."""
    return re.sub(r"[^\w-]+", "-", name)


def inner_id(name: str, own: str) -> str:
    """The id in the one document of what has the id ``own`` on a page."""
    return page_id(name) + "--" + re.sub(r"[^\w.-]+", "-", own)


def table_of_contents(path: Path = ROOT / "_toc.yml") -> list[tuple[str, list[str]]]:
    """The captions of the parts, each with the names of its pages; the front page is a part without a caption."""
    site = parse_toc_yaml(path)

    def with_pages_below(names: Iterable[str]) -> list[str]:
        below = [
            (name, [item for part in site[name].subtrees for item in part.items]) for name in names
        ]
        return [page for name, items in below for page in (name, *with_pages_below(items))]

    parts = [
        ("", [site.root.docname]),
        *((p.caption or "", with_pages_below(p.items)) for p in site.root.subtrees),
    ]
    return [
        (caption, [str(PurePosixPath(name).with_suffix("")) for name in names])
        for caption, names in parts
    ]


# What a page loses


def without_screen(article: Tag) -> None:
    """Take out what is of use on a screen only; pictures are there at once, and lead nowhere."""
    for tag in article.select(SCREEN_ONLY):
        tag.decompose()
    for copy in article.select(
        "mjx-assistive-mml"
    ):  # who reads or searches the text would meet each formula twice
        copy.find_parent("mjx-container")["data-text"] = copy.get_text()
        copy.decompose()
    for image in article.select("img"):
        image.attrs.pop("loading", None)
        if image.parent.name == "a":
            image.parent.unwrap()


def still(figure: Tag) -> None:
    """Of a figure that can be moved, what it shows first."""
    pictures = [tag for tag in figure.select("img, svg") if not tag.find_parent("svg")]
    if not pictures:
        raise ValueError(f"a movable figure has no still picture: {str(figure)[:200]}")
    figure.clear()
    figure.extend([picture.extract() for picture in pictures])


def is_told(cell: Tag) -> bool:
    """Whether a cell's code belongs to the text: it prints something, or the page of all claims leads to it."""
    return (
        cell.get("id", "").startswith("check-")
        or cell.select_one(".cell_output .stream") is not None
    )


def unfold(part: Tag) -> None:
    """Nothing unfolds on paper. Folded code that only imports or draws is left out; all else that is folded is open."""
    for fold in part.select("details"):
        cell = fold.find_parent(class_="cell")
        if cell is not None and not is_told(cell):
            fold.decompose()
        else:
            for summary in fold.find_all("summary", recursive=False):
                summary.decompose()
            fold.unwrap()
    for cell in part.select(".cell:not([id])"):
        if not cell.find(True):
            cell.decompose()


def set_code(part: Tag) -> None:
    """Long code may go on overleaf; a few of its colours suffice, in two thirds of the bytes."""
    for token in part.select("pre span"):
        if not token.get("class", " ")[0].startswith(COLOURED):
            token.unwrap()
    part.smooth()
    for code in part.select("pre"):
        if code.get_text().count("\n") > 18:
            code["class"] = "long"


def hold_punctuation(part: Tag) -> None:
    """A browser may end a line between a formula and the comma after it, or the bracket before it; not here."""
    for math in part.select("span.math"):
        before, after = math.previous_sibling, math.next_sibling
        opening = re.search(r"[(\[“‘]+$", before) if isinstance(before, NavigableString) else None
        closing = (
            re.match(r"[.,;:!?)\]’”]+|-\w+", after) if isinstance(after, NavigableString) else None
        )
        if not opening and not closing:
            continue
        held = math.wrap(fragment('<span class="held"></span>'))
        if opening:
            before.replace_with(before[: opening.start()])
            held.insert(0, opening[0])
        if closing:
            after.replace_with(after[closing.end() :])
            held.append(closing[0])


# What moves to the appendix


def way_to(answer: Tag, label: str) -> None:
    """A link in the answer's place, with the page where it is now; the answer's title is the link back."""
    place = answer["id"]
    number = f'<span data-page-of="{place}">000</span>'
    way = f'<p class="to-answer"><a href="#{place}">{label}: page {number}</a></p>'
    answer.insert_before(fragment(way))


def take_answers(article: Tag) -> list[Tag]:
    """Take the folded hints, solutions and answers to a self-test out of a page; each is named after its section."""
    taken = []
    for answer in article.select("div.dropdown.admonition"):
        title = answer.select_one(".admonition-title")
        label, section = title.get_text(strip=True), answer.find_parent("section")
        if not label.startswith(("Answer", "Hint", "Solution")):
            continue
        heading = fragment(f"<span>{section.find(re.compile('h[1-6]')).decode_contents()}</span>")
        answer["id"] = f"{'-'.join(label.lower().split())}-to-{section['id']}"
        way_to(answer, label)
        title.clear()
        title.append(
            fragment(f'<a href="#{section["id"]}">{label}: {heading.decode_contents()}</a>')
        )
        taken.append(answer.extract())
    return taken


def take_whys(article: Tag) -> list[Tag]:
    """Of each question to check oneself leave the choices, with letters, and take out what is said of each."""
    taken = []
    for number, quiz in enumerate(article.select("div.quiz"), 1):
        label = quiz.select_one(".quiz-label")
        label.string = f"{label.get_text()} {number}."
        choices, whys = fragment('<ol type="a"></ol>'), fragment('<ol type="a"></ol>')
        for choice in quiz.select("details"):
            for found, part in ((choices, choice.find("summary")), (whys, choice.find("p"))):
                part.name = "li"
                found.append(part.extract())
            choice.decompose()
        quiz["id"] = quiz.get("id", f"quiz-{number}")
        quiz.append(choices)
        answer = fragment(
            f'<div class="why" id="why-{number}"><p><a href="#{quiz["id"]}">{label.string}</a></p></div>'
        )
        answer.append(whys)
        page_number = f'<span data-page-of="why-{number}">000</span>'
        quiz.append(
            fragment(
                f'<p class="to-answer"><a href="#why-{number}">Answer: page {page_number}</a></p>'
            )
        )
        taken.append(answer)
    return taken


# Where links lead


def new_ids(tags: Iterable[Tag], name: str, seen: set[str]) -> None:
    """Ids become those of the one document. Of two alike the browser knows the first only, so the second goes."""
    for tag in tags:
        if tag.has_attr("id"):
            tag["id"] = inner_id(name, tag["id"])
            if tag["id"] in seen:
                del tag["id"]
            else:
                seen.add(tag["id"])
        for pointer in POINTERS:
            if tag.has_attr(pointer):
                owns = tag[pointer] if isinstance(tag[pointer], list) else tag[pointer].split()
                tag[pointer] = " ".join(inner_id(name, own) for own in owns)
        for (
            attribute,
            value,
        ) in tag.attrs.items():  # the parts of an inline drawing refer to one another
            if isinstance(value, str) and "url(#" in value:
                tag[attribute] = re.sub(
                    r"url\(#([^)]+)\)", lambda match: f"url(#{inner_id(name, match[1])})", value
                )


def new_address(address: str, name: str, names: set[str], site: str) -> str:
    """Where a link of the page ``name`` leads in the one document; other pages and files are on the site."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return address
    path = f"{name}.html"
    if parts.path:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(parts.path)))
    target, suffix = posixpath.splitext(path)
    if suffix == ".html" and target in names:
        return (
            f"#{inner_id(target, unquote(parts.fragment))}"
            if parts.fragment
            else f"#{page_id(target)}"
        )
    return f"{site}{path}" + (f"#{parts.fragment}" if parts.fragment else "")


def new_links(tags: Iterable[Tag], name: str, names: set[str], site: str) -> None:
    """Links lead within the one document, and pictures are found from the top of the site."""
    for tag in tags:
        for attribute in ("href", "xlink:href"):
            if tag.has_attr(attribute):
                tag[attribute] = new_address(tag[attribute], name, names, site)
        if tag.has_attr("src") and not urlsplit(tag["src"]).scheme:
            tag["src"] = posixpath.normpath(posixpath.join(posixpath.dirname(name), tag["src"]))


def prepare(page: Page, names: set[str], site: str) -> None:
    """A page as the one document holds it."""
    article = page.article
    without_screen(article)
    for figure in article.select(".vaelib-figure"):
        still(figure)
    page.answers = take_whys(article) + take_answers(article)
    parts = [article, *page.answers]
    for part in parts:
        unfold(part)
        set_code(part)
        hold_punctuation(part)
    tags = [tag for part in parts for tag in (part, *part.find_all(True))]
    new_links(tags, page.name, names, site)
    new_ids(tags, page.name, seen=set())
    for number in (tag for tag in tags if tag.has_attr("data-page-of")):
        number["data-page-of"] = inner_id(page.name, number["data-page-of"])
    article.name = "article"
    article["id"] = page.id


# What the one document adds


def plain(heading: Tag) -> str:
    """A heading in plain letters, as an outline and a running head need it."""
    heading = fragment(str(heading))
    for formula in heading.select("mjx-container"):
        formula.replace_with(formula["data-text"])
    text = re.sub(r"\\(?:math\w+|text|operatorname)\b|\\[()]|[{}\\]", "", heading.get_text())
    return " ".join(text.split())


def appendix(pages: Iterable[Page]) -> Page:
    """The answers of all pages, as one more page."""
    article = fragment(f'<article id="{APPENDIX}"><h1>Solutions</h1></article>')
    for page in pages:
        if page.answers:
            place = f"{APPENDIX}-{page.id}"
            section = fragment(
                f'<section id="{place}"><h2>{page.title.decode_contents()}</h2></section>'
            )
            section.extend(page.answers)
            article.append(section)
    return Page(APPENDIX, "Appendix", article)


def sections(page: Page) -> list[tuple[str, Tag]]:
    """The sections of a page: id and heading."""
    return [(heading.parent["id"], heading) for heading in page.article.select("section[id] > h2")]


def entry(level: int, place: str, heading: Tag) -> str:
    """A line of the contents."""
    number = f'<span class="leader"></span><span class="number" data-page-of="{place}">000</span>'
    return f'<li class="level-{level}"><a href="#{place}"><span>{heading.decode_contents()}</span>{number}</a></li>'


def contents(pages: Iterable[Page]) -> str:
    """The table of contents; ``pdf.py`` fills in the numbers of the pages."""
    lines, part = [], ""
    for page in pages:
        if page.part != part:
            part = page.part
            lines.append(f'<li class="part">{escape(part)}</li>')
        lines.append(entry(1, page.id, page.title))
        lines += [entry(2, place, heading) for place, heading in sections(page)]
    return f'<nav id="contents"><h1>Contents</h1><ul>{"".join(lines)}</ul></nav>'


def outline(pages: Iterable[Page]) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """What the reader's side bar shows: title and id of each page, and those of its sections."""
    return [
        (plain(page.title), page.id, [(plain(heading), place) for place, heading in sections(page)])
        for page in pages
    ]


def cover() -> str:
    """The cover, and on its back how this edition was made."""
    book = config()
    title, _, subtitle = book["title"].partition(": ")
    return f"""
    <div id="cover">
      <img src="{book["html"]["favicon"].removeprefix("book/")}" alt="">
      <h1>{escape(title)}</h1>
      <p class="subtitle">{escape(subtitle[:1].upper() + subtitle[1:])}</p>
      <p class="author">{escape(book["author"])}</p>
      <p class="version">Version {escape(vaelib.__version__)}</p>
    </div>
    <div id="imprint">
      <p>{IMPRINT}</p>
      <p>The book on the web: <a href="{book["html"]["baseurl"]}">{book["html"]["baseurl"]}</a></p>
      <p>© {book["copyright"]} {escape(book["author"])}. {book["html"]["extra_footer"]}</p>
    </div>"""


def running_heads(pages: Iterable[Page]) -> str:
    """CSS: each page of the book is printed on a kind of paper that knows the page's title."""
    rules = []
    for page in pages:
        title = plain(page.title).replace("\\", "").replace('"', "\\22 ")
        rules.append(
            f'@page {page.id} {{ @top-right {{ content: "{title}" }} }}\n#{page.id} {{ page: {page.id} }}'
        )
    return "\n".join(rules)


def document(pages: list[Page]) -> str:
    """The one document. From the screen's style sheets it needs a few rules only; ``pdf.py`` takes the others away."""
    sheets = dict.fromkeys(sheet for page in pages for sheet in page.sheets)
    head = f"""
    <meta charset="utf-8"><title>{escape(config()["title"])}</title>
    {"".join(f'<link rel="stylesheet" class="screen" href="{sheet}">' for sheet in sheets)}
    <style>{STYLE.read_text("utf8")}\n{running_heads(pages)}</style>"""
    body = "\n".join([cover(), contents(pages), *(str(page.article) for page in pages)])
    return f'<!DOCTYPE html><html lang="en" data-theme="light"><head>{head}</head><body>{body}</body></html>'


def built_pages(html: Path) -> list[Page]:
    """The pages of the built book in their order, ready for the one document, the appendix last.

    Raises:
        SystemExit: a page is not built.
    """
    pages = []
    for part, names in table_of_contents():
        for name in (name for name in names if name not in LEFT_OUT):
            path = html / f"{name}.html"
            if not path.is_file():
                raise SystemExit(f"{path} is not there: make book")
            soup = BeautifulSoup(path.read_text("utf8"), "html.parser")
            sheets = [
                new_address(link["href"], name, set(), "")
                for link in soup.select("link[rel=stylesheet]")
            ]
            pages.append(Page(name, part, soup.select_one("article").extract(), sheets=sheets))
    for page in pages:
        prepare(page, {page.name for page in pages}, config()["html"]["baseurl"])
    return [*pages, appendix(pages)]
