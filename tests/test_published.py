"""What the published site has beyond its pages; read from the built files, if they are there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from bs4 import BeautifulSoup
from built import NAMES, built, soup
from PIL import Image

import vaelib
from bookext.book import BOOK, HTML, PDF, ROOT, ZIP, config
from bookext.notebooks.execution import chapters, missing
from bookext.pages import preview, published

CONFIG = config()
BASE = CONFIG["html"]["baseurl"]
PAGES = [f"{name}.html" for name in NAMES]


def path_of(name: str) -> Path:
    """A file of the site, if it is no older than what it is made from."""
    source = ROOT / name.replace(".html", ".md")
    return built(HTML / name, ROOT / "_config.yml", Path(published.__file__), source)


def said(page: BeautifulSoup) -> dict[str, str]:
    """What a page tells those who share it, by name."""
    tags = page.select("head meta[content]")
    named = [(tag.get("property") or tag.get("name"), tag["content"]) for tag in tags]
    shared = [(name, text) for name, text in named if name and name.startswith(("og:", "twitter:"))]
    assert len(dict(shared)) == len(shared), "said twice"
    return dict(shared)


def test_the_version_is_the_same_wherever_it_stands() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf8"))
    assert citation["version"] == vaelib.__version__
    assert f"{{Version {vaelib.__version__}}}" in (BOOK / "about.md").read_text("utf8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
    assert "version" in project.get("dynamic", []) or project["version"] == vaelib.__version__
    assert f"## [{vaelib.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf8")


@pytest.mark.parametrize(
    "wrong", ["", "http://a.org/b/", "https://a.org/b", "https://a.org/?b/", None]
)
def test_an_address_that_no_path_can_follow_is_refused(wrong: str | None) -> None:
    with pytest.raises(ValueError, match=r"html\.baseurl in _config\.yml"):
        published.settle(None, SimpleNamespace(html_baseurl=wrong))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_its_address_its_version_and_what_it_is(name: str) -> None:
    page = soup(path_of(name))
    (canonical,) = page.select("link[rel=canonical]")
    shared = said(page)
    assert canonical["href"] == shared["og:url"] == BASE + name
    assert shared["og:title"] in page.title.text
    assert shared["og:description"] == page.select_one("meta[name=description]")["content"]
    assert shared["og:image"] == BASE + "_static/preview.png" and len(shared["og:image:alt"]) > 50
    footer = page.select_one("footer .extra_footer")
    assert f"Version {vaelib.__version__}." in footer.text
    assert CONFIG["html"]["extra_footer"] in footer.text
    offered = [BASE + PDF.name, BASE + ZIP.name]
    assert [link["href"] for link in footer.select("a")] == offered


def test_the_site_itself_leads_to_the_front_page() -> None:
    page = soup(path_of("index.html"))
    front = PAGES[0]
    assert page.select_one("meta[http-equiv=refresh]")["content"] == f"0; url={front}"
    assert page.select_one("link[rel=canonical]")["href"] == BASE + front
    assert [link["href"] for link in page.select("a")] == [front]
    # Without one, a browser asks the host for its own, which is not there.
    assert (HTML / page.select_one("link[rel=icon]")["href"]).is_file()
    assert said(page)["og:title"] == "Bounding the Evidence"
    assert page.title.text == CONFIG["title"]


def test_the_site_map_names_every_page_and_robots_the_map() -> None:
    places = ElementTree.parse(path_of("sitemap.xml")).findall("{*}url/{*}loc")
    assert sorted(place.text for place in places) == sorted(BASE + name for name in PAGES)
    assert f"Sitemap: {BASE}sitemap.xml\n" in path_of("robots.txt").read_text("utf8")


def test_the_page_for_what_is_not_there_works_at_any_depth() -> None:
    page = soup(path_of("404.html"))
    path = re.sub(r"https://[^/]+", "", BASE)
    assert page.html["data-content_root"] == path
    assert page.select_one("meta[name=robots]")["content"] == "noindex"
    assert not page.select("link[rel=canonical]")
    keys, ours = ("href", "src", "action"), re.compile(r"^(?!https:|#)")
    inside = [tag[key] for key in keys for tag in page.find_all(attrs={key: ours})]
    assert len(inside) > len(PAGES)
    for address in inside:
        file = HTML / address.removeprefix(path).partition("?")[0]
        assert address.startswith(path) and file.is_file(), address
    listed = {link["href"].removeprefix(path) for link in page.select(".bd-sidebar-primary a")}
    assert set(PAGES) <= listed
    assert page.select_one(f"article a[href='{path}{PAGES[0]}']")
    assert page.select_one("form.bd-search[action]")


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
    shared = said(BeautifulSoup(f"<head>{tags}</head>", "html.parser"))
    assert (shared["og:title"], shared["og:description"]) == ("x < y & z", 'a "b" <c>')


def test_the_preview_is_the_front_page_s_figure() -> None:
    """Drawn again it is the same, but for what another processor rounds otherwise."""
    with Image.open(preview.PICTURE) as image:
        assert image.size == preview.SIZE and preview.PICTURE.stat().st_size < 100_000
        committed = np.asarray(image.convert("RGB"), dtype=int)
    if missing(chapters()[:1]):
        pytest.skip("the front page has not been run: make book")
    drawn = np.asarray(preview.draw().convert("RGB"), dtype=int)
    changed = "the front page's figure or title has changed: make preview"
    assert np.abs(drawn - committed).mean() < 0.5, changed
