"""All pages of the built book as one document for paper, which ``pdf.py`` prints."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, NavigableString, Tag
from sphinx_external_toc.parsing import parse_toc_yaml

import vaelib
from bookext.book import HTML, ROOT, config

STYLE = Path(__file__).with_name("onebook.css")
APPENDIX = "solutions"
LEFT_OUT = {"book/exercises/sheets"}
# What is of use on a screen only, such as the links of a heading or to a function's source.
SCREEN_ONLY = """script, style, button, .visually-hidden, .headerlink, .toctree-wrapper, .only-dark,
a:has(> .viewcode-link)"""
# How Pygments' classes of keywords, strings, comments and numbers begin.
COLOURED = ("k", "s", "c", "m")
# Attributes that hold the id of another element, or several.
POINTERS = [
    "for",
    "headers",
    "aria-labelledby",
    "aria-describedby",
    "aria-controls",
    "aria-details",
]
IMPRINT = """
This edition is printed from the pages of the book, and holds all of them. Code that a page folds
away, because it only imports or draws, is left out; the notebooks in the book’s repository have it.
A figure that can be moved on its page stands still here. Hints, solutions and answers are in the
appendix, each with a link from its question and one back. The problem sheets, which repeat what the
exercises ask, are left out.
"""
DOCUMENT = """<!DOCTYPE html><html lang="en" data-theme="light"><head>
    <meta charset="utf-8"><title>{title}</title>
    {links}
    <style>{style}</style></head><body>{body}</body></html>"""
URL = re.compile(r"url\(#([^)]+)\)")
NUMBER = '<span{} data-page-of="{}">000</span>'


@dataclass
class Page:
    """A page: its name (``book/03_jensen``), its part's caption, text, answers, style sheets."""

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


def parts() -> dict[str, str]:
    """The names of all pages in their order, each with the caption of its part, if it has one."""
    site = parse_toc_yaml(ROOT / "_toc.yml")
    captions = {item: part.caption or "" for part in site.root.subtrees for item in part.items}
    caption, found = "", {}
    for item in site:
        caption = captions.get(item, caption)
        found[str(PurePosixPath(item).with_suffix(""))] = caption
    return found


# What a page loses


def drop_screen_only(article: Tag) -> None:
    """Take out what is of use on a screen only; pictures are there at once, and lead nowhere."""
    for tag in article.select(SCREEN_ONLY):
        tag.decompose()
    # A search in the text would find each formula twice.
    for copy in article.select("mjx-assistive-mml"):
        copy.find_parent("mjx-container")["data-text"] = copy.get_text()
        copy.decompose()
    for image in article.select("img"):
        image.attrs.pop("loading", None)
        if image.parent.name == "a":
            image.parent.unwrap()


def keep_still(figure: Tag) -> None:
    """Keep what a figure that can be moved shows first."""
    pictures = [tag for tag in figure.select("img, svg") if not tag.find_parent("svg")]
    if not pictures:
        raise ValueError(f"a movable figure has no still picture: {str(figure)[:200]}")
    figure.clear()
    figure.extend([picture.extract() for picture in pictures])


def is_told(cell: Tag) -> bool:
    """Whether a cell's code belongs to the text: it prints something, or it checks a claim."""
    checks_claim = cell.get("id", "").startswith("check-")
    return checks_claim or cell.select_one(".cell_output .stream") is not None


def unfold(part: Tag) -> None:
    """Open all folds, but leave out folded code that only imports or draws."""
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
    """Long code may go on overleaf. A few of its colours suffice, and save a third of the bytes."""
    for token in part.select("pre span"):
        if not token.get("class", " ")[0].startswith(COLOURED):
            token.unwrap()
    part.smooth()
    for code in part.select("pre"):
        if code.get_text().count("\n") > 18:
            code["class"] = "long"


def hold_punctuation(part: Tag) -> None:
    """Keep a formula on one line with the comma after it and with the bracket before it."""
    for math in part.select("span.math"):
        before, after = math.previous_sibling, math.next_sibling
        opening = re.search(r"[(\[“‘]+$", before if isinstance(before, NavigableString) else "")
        text_after = after if isinstance(after, NavigableString) else ""
        closing = re.match(r"[.,;:!?)\]’”]+|-\w+", text_after)
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


def way_to(place: str, label: str) -> Tag:
    """A link to an answer, with the page where it is now."""
    number = NUMBER.format("", place)
    way = f'<p class="to-answer"><a href="#{place}">{label}: page {number}</a></p>'
    return fragment(way)


def take_answers(article: Tag) -> list[Tag]:
    """Take folded hints, solutions and answers out of a page, and name each after its section."""
    taken = []
    for answer in article.select("div.dropdown.admonition"):
        title = answer.select_one(".admonition-title")
        label, section = title.get_text(strip=True), answer.find_parent("section")
        if not label.startswith(("Answer", "Hint", "Solution")):
            continue
        heading = section.find(re.compile("h[1-6]")).decode_contents()
        answer["id"] = f"{'-'.join(label.lower().split())}-to-{section['id']}"
        answer.insert_before(way_to(answer["id"], label))
        title.clear()
        title.append(fragment(f'<a href="#{section["id"]}">{label}: {heading}</a>'))
        taken.append(answer.extract())
    return taken


def take_whys(article: Tag) -> list[Tag]:
    """Leave the choices of each quiz, with letters, and take out what is said of each."""
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
        back = f'<p><a href="#{quiz["id"]}">{label.string}</a></p>'
        answer = fragment(f'<div class="why" id="why-{number}">{back}</div>')
        answer.append(whys)
        quiz.append(way_to(answer["id"], "Answer"))
        taken.append(answer)
    return taken


# Where links lead


def rename_ids(tags: Iterable[Tag], name: str) -> None:
    """Make ids those of the one document."""
    for tag in tags:
        if tag.has_attr("id"):
            tag["id"] = inner_id(name, tag["id"])
        for pointer in POINTERS:
            if tag.has_attr(pointer):
                owns = tag[pointer] if isinstance(tag[pointer], list) else tag[pointer].split()
                tag[pointer] = " ".join(inner_id(name, own) for own in owns)
        # The parts of an inline drawing refer to one another.
        for attribute, value in tag.attrs.items():
            if isinstance(value, str) and "url(#" in value:
                tag[attribute] = URL.sub(lambda match: f"url(#{inner_id(name, match[1])})", value)


def new_address(address: str, name: str, names: set[str], site: str) -> str:
    """Where a link of the page ``name`` leads: in the one document, or else on the site."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return address
    path = f"{name}.html"
    if parts.path:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(parts.path)))
    target, suffix = posixpath.splitext(path)
    if suffix == ".html" and target in names:
        inner = unquote(parts.fragment)
        return f"#{inner_id(target, inner) if inner else page_id(target)}"
    return f"{site}{path}" + (f"#{parts.fragment}" if parts.fragment else "")


def redirect(tags: Iterable[Tag], name: str, names: set[str], site: str) -> None:
    """Make links lead within the one document, and find pictures from the top of the site."""
    for tag in tags:
        for attribute in ("href", "xlink:href"):
            if tag.has_attr(attribute):
                tag[attribute] = new_address(tag[attribute], name, names, site)
        if tag.has_attr("src") and not urlsplit(tag["src"]).scheme:
            tag["src"] = posixpath.normpath(posixpath.join(posixpath.dirname(name), tag["src"]))


def prepare(page: Page, names: set[str], site: str) -> None:
    """A page as the one document holds it."""
    article = page.article
    drop_screen_only(article)
    for figure in article.select(".vaelib-figure"):
        keep_still(figure)
    page.answers = take_whys(article) + take_answers(article)
    pieces = [article, *page.answers]
    for part in pieces:
        unfold(part)
        set_code(part)
        hold_punctuation(part)
    tags = [tag for part in pieces for tag in (part, *part.find_all(True))]
    redirect(tags, page.name, names, site)
    rename_ids(tags, page.name)
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
            heading = f"<h2>{page.title.decode_contents()}</h2>"
            section = fragment(f'<section id="{APPENDIX}-{page.id}">{heading}</section>')
            section.extend(page.answers)
            article.append(section)
    return Page(APPENDIX, "Appendix", article)


def sections(page: Page) -> list[tuple[str, Tag]]:
    """The sections of a page: id and heading."""
    return [(heading.parent["id"], heading) for heading in page.article.select("section[id] > h2")]


def entry(level: int, place: str, heading: Tag) -> str:
    """A line of the contents."""
    number = '<span class="leader"></span>' + NUMBER.format(' class="number"', place)
    said = f"<span>{heading.decode_contents()}</span>{number}"
    return f'<li class="level-{level}"><a href="#{place}">{said}</a></li>'


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


def outline(pages: list[Page]) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """What the reader's side bar shows: title and id of each page, and those of its sections."""
    below = {page.id: [(plain(tag), place) for place, tag in sections(page)] for page in pages}
    return [(plain(page.title), page.id, below[page.id]) for page in pages]


def cover() -> str:
    """The cover, and on its back how this edition was made."""
    book, html = config(), config()["html"]
    title, _, subtitle = book["title"].partition(": ")
    return f"""
    <div id="cover">
      <img src="{html["favicon"].removeprefix("book/")}" alt="">
      <h1>{escape(title)}</h1>
      <p class="subtitle">{escape(subtitle[:1].upper() + subtitle[1:])}</p>
      <p class="author">{escape(book["author"])}</p>
      <p class="version">Version {escape(vaelib.__version__)}</p>
    </div>
    <div id="imprint">
      <p>{IMPRINT}</p>
      <p>The book on the web: <a href="{html["baseurl"]}">{html["baseurl"]}</a></p>
      <p>© {book["copyright"]} {escape(book["author"])}. {html["extra_footer"]}</p>
    </div>"""


def running_heads(pages: Iterable[Page]) -> str:
    """CSS: each page of the book is printed on a kind of paper that knows the page's title."""
    rules = []
    for page in pages:
        title = plain(page.title).replace("\\", "").replace('"', "\\22 ")
        rules.append(f'@page {page.id} {{ @top-right {{ content: "{title}" }} }}')
        rules.append(f"#{page.id} {{ page: {page.id} }}")
    return "\n".join(rules)


def document(pages: list[Page]) -> str:
    """The one document, with the screen's style sheets, of which ``pdf.py`` keeps a few rules."""
    sheets = dict.fromkeys(sheet for page in pages for sheet in page.sheets)
    links = [f'<link rel="stylesheet" class="screen" href="{sheet}">' for sheet in sheets]
    return DOCUMENT.format(
        title=escape(config()["title"]),
        links="".join(links),
        style=f"{STYLE.read_text('utf8')}\n{running_heads(pages)}",
        body="\n".join([cover(), contents(pages), *(str(page.article) for page in pages)]),
    )


def built_pages() -> list[Page]:
    """The pages of the built book in their order, ready for the one document, the appendix last.

    Raises:
        SystemExit: a page is not built.
    """
    wanted = {name: part for name, part in parts().items() if name not in LEFT_OUT}
    pages = []
    for name, part in wanted.items():
        path = HTML / f"{name}.html"
        if not path.is_file():
            raise SystemExit(f"{path} is not there: make book")
        soup = BeautifulSoup(path.read_text("utf8"), "html.parser")
        links = soup.select("link[rel=stylesheet]")
        sheets = [new_address(link["href"], name, set(), "") for link in links]
        page = Page(name, part, soup.select_one("article").extract(), sheets=sheets)
        prepare(page, set(wanted), config()["html"]["baseurl"])
        pages.append(page)
    return [*pages, appendix(pages)]
