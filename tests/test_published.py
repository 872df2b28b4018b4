"""What the published site has beyond its pages; the built files, if they are there and no older than their source."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from bs4 import BeautifulSoup
from PIL import Image
from sphinx_external_toc.parsing import parse_toc_yaml

import vaelib

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import preview  # noqa: E402
import published  # noqa: E402
from execution import chapters, missing  # noqa: E402

HTML = ROOT / "_build" / "html"
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))
BASE = CONFIG["html"]["baseurl"]
PAGES = [Path(name).with_suffix(".html").as_posix() for name in parse_toc_yaml(ROOT / "_toc.yml")]
each_page = pytest.mark.parametrize("name", PAGES)


def built(name: str) -> str:
    path = HTML / name
    if not HTML.is_dir():
        pytest.skip("the book is not built: make book")
    sources = (ROOT / "_config.yml", Path(published.__file__), ROOT / name.replace(".html", ".md"))
    written = max(source.stat().st_mtime for source in sources if source.is_file())
    if path.is_file() and path.stat().st_mtime < written:
        pytest.skip("the page is older than its source: make book")
    assert path.is_file(), f"{name} was not built"
    return path.read_text("utf8")


def said(page: str) -> dict[str, str]:
    """What a page tells those who share it, by name."""
    tags = BeautifulSoup(page, "html.parser").select("head meta[content]")
    named = [(tag.get("property") or tag.get("name"), tag["content"]) for tag in tags]
    shared = [(name, text) for name, text in named if name and name.startswith(("og:", "twitter:"))]
    assert len(dict(shared)) == len(shared), "said twice"
    return dict(shared)


def test_the_version_is_the_same_wherever_it_stands() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf8"))
    assert citation["version"] == vaelib.__version__
    assert f"{{Version {vaelib.__version__}}}" in (ROOT / "book" / "about.md").read_text("utf8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
    assert "version" in project.get("dynamic", []) or project["version"] == vaelib.__version__
    assert f"## [{vaelib.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf8")


@pytest.mark.parametrize(
    "wrong", ["", "http://a.org/b/", "https://a.org/b", "https://a.org/?b/", None]
)
def test_an_address_that_no_path_can_follow_is_refused(wrong: str | None) -> None:
    with pytest.raises(ValueError, match=r"html\.baseurl in _config\.yml"):
        published.settle(None, SimpleNamespace(html_baseurl=wrong))


@each_page
def test_a_page_says_its_address_its_version_and_what_it_is(name: str) -> None:
    page = BeautifulSoup(built(name), "html.parser")
    (canonical,) = page.select("link[rel=canonical]")
    shared = said(str(page))
    assert canonical["href"] == shared["og:url"] == BASE + name
    assert shared["og:title"] in page.title.text
    assert shared["og:description"] == page.select_one("meta[name=description]")["content"]
    assert shared["og:image"] == BASE + "_static/preview.png" and len(shared["og:image:alt"]) > 50
    footer = page.select_one("footer .extra_footer")
    assert (
        f"Version {vaelib.__version__}." in footer.text
        and CONFIG["html"]["extra_footer"] in footer.text
    )
    assert [link["href"] for link in footer.select("a")] == [
        BASE + published.PDF,
        BASE + published.ZIP,
    ]


def test_what_the_footer_offers_is_what_is_made() -> None:
    made = "\n".join(
        (ROOT / "book" / "_ext" / name).read_text("utf8") for name in ("pdf.py", "offline.py")
    )
    assert published.PDF in made and 'f"{NAME}.zip"' in made
    assert f'{re.search(r"""^NAME = "(.*)"$""", made, re.M)[1]}.zip' == published.ZIP


def test_the_site_itself_leads_to_the_front_page() -> None:
    page = BeautifulSoup(built("index.html"), "html.parser")
    front = PAGES[0]
    assert page.select_one("meta[http-equiv=refresh]")["content"] == f"0; url={front}"
    assert page.select_one("link[rel=canonical]")["href"] == BASE + front
    assert [link["href"] for link in page.select("a")] == [front]
    # Where there is none, a browser asks the host for its own, which is not there, if it is quick enough.
    assert (HTML / page.select_one("link[rel=icon]")["href"]).is_file()
    assert (
        said(str(page))["og:title"] == "Bounding the Evidence"
        and page.title.text == CONFIG["title"]
    )


def test_the_site_map_names_every_page_and_robots_the_map() -> None:
    places = ElementTree.fromstring(built("sitemap.xml")).findall("{*}url/{*}loc")
    assert sorted(place.text for place in places) == sorted(BASE + name for name in PAGES)
    assert f"Sitemap: {BASE}sitemap.xml\n" in built("robots.txt")


def test_the_page_for_what_is_not_there_works_at_any_depth() -> None:
    page = BeautifulSoup(built("404.html"), "html.parser")
    path = re.sub(r"https://[^/]+", "", BASE)
    assert page.html["data-content_root"] == path
    assert page.select_one("meta[name=robots]")["content"] == "noindex" and not page.select(
        "link[rel=canonical]"
    )
    inside = [
        tag[key]
        for key in ("href", "src", "action")
        for tag in page.find_all(attrs={key: re.compile(r"^(?!https:|#)")})
    ]
    assert len(inside) > len(PAGES)
    for address in inside:
        assert (
            address.startswith(path)
            and (HTML / address.removeprefix(path).partition("?")[0]).is_file()
        ), address
    listed = {link["href"].removeprefix(path) for link in page.select(".bd-sidebar-primary a")}
    assert set(PAGES) <= listed
    assert page.select_one(f"article a[href='{path}{PAGES[0]}']") and page.select_one(
        "form.bd-search[action]"
    )


def test_addresses_become_absolute_and_no_others_change() -> None:
    html = '<html data-content_root="./"><a href="a/b.html#c"></a><a href="#d"></a><a href="https://e.org/"></a></html>'
    soup = BeautifulSoup(html, "html.parser")
    published.make_absolute(soup, "/book/")
    assert soup.html["data-content_root"] == "/book/"
    assert [link["href"] for link in soup.select("a")] == [
        "/book/a/b.html#c",
        "#d",
        "https://e.org/",
    ]


def test_a_release_needs_the_right_tag_and_addresses() -> None:
    repository = CONFIG["repository"]["url"]
    right = (f"v{vaelib.__version__}", BASE.removesuffix("/").replace("OWNER", "owner"), repository)
    assert list(published.release_faults(*right)) == []
    for wrong in [
        ("0.1.0", *right[1:]),
        (right[0], "", repository),
        (*right[:2], "https://github.com/another/copy"),
    ]:
        (fault,) = published.release_faults(*wrong)
        assert re.search(r"the tag|html\.baseurl|repository\.url", fault)
    assert published.main(["v9", "", ""]) == 1 and published.main(list(right)) == 0


def test_a_title_and_a_description_are_escaped() -> None:
    config = SimpleNamespace(project='A "b"', html_baseurl="https://a.org/")
    tags = published.preview_tags(config, "x < y & z", 'a "b" <c>', "https://a.org/d.html")
    shared = said(f"<head>{tags}</head>")
    assert (shared["og:title"], shared["og:description"]) == ("x < y & z", 'a "b" <c>')


def test_the_preview_is_the_front_page_s_figure() -> None:
    """Drawn again it is the same, but for what another processor rounds otherwise."""
    with Image.open(preview.PICTURE) as image:
        assert image.size == preview.SIZE and preview.PICTURE.stat().st_size < 100_000
        committed = np.asarray(image.convert("RGB"), dtype=int)
    if missing(chapters()[:1]):
        pytest.skip("the front page has not been run: make book")
    drawn = np.asarray(preview.draw().convert("RGB"), dtype=int)
    assert np.abs(drawn - committed).mean() < 0.5, (
        "the front page's figure or title has changed: make preview"
    )
