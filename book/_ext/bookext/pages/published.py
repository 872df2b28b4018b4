"""What the published site has beyond its pages: addresses, a preview, a version, a site map, a
404 page.

Every address derives from ``html.baseurl`` in ``_config.yml``, and the version is ``vaelib``'s.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup

import vaelib
from bookext.book import PDF, ZIP, config

PREVIEW = "_static/preview.png"
PREVIEW_ALT = (
    "Bounding the Evidence: variational autoencoders with every claim checked. Below the title, "
    "the ELBO and two importance-weighted bounds rise towards a dashed line, the exact "
    "log-evidence."
)
NOT_FOUND = """\
<h1>Page not found</h1>
<p>There is no page at this address. It may have been renamed, or the link that led you here has a
slip in it.</p>
<ul>
<li><a href="{path}{front}">The front page</a> says what the book holds; the list of chapters leads
to every page.</li>
<li><a href="{path}search.html">Search the book</a> for what you had in mind.</li>
<li>A link in the book itself led here? Please <a href="{issues}">open an issue</a> and say on which
page it is.</li>
</ul>"""
FOOTER = """\
Version {version}. To keep: <a href="{base}{pdf}">the book as one PDF</a>, or
<a href="{base}{zip}">as a zip to read offline</a>. {licences}"""
# The address of the site itself leads on to the front page; what it is called is for those who
# share it. Without an icon of its own a browser asks for the host's.
ROOT_PAGE = """\
<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8"/>
<meta http-equiv="refresh" content="0; url={front}"/>
<title>{title}</title>
<link rel="canonical" href="{base}{front}"/>
<link rel="icon" href="{icon}"/>
{tags}
</head>
<body><p><a href="{front}">{title}</a></p></body>
</html>
"""
SITE_MAP = """\
<?xml version="1.0" encoding="utf-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
{urls}
</urlset>
"""
ROBOTS = "User-agent: *\nAllow: /\n\nSitemap: {base}sitemap.xml\n"


def settle(app: Any, sphinx: Any) -> None:
    """Take the version from ``vaelib``, and say what ``sphinx-notfound-page`` shows, and where.

    Raises:
        ValueError: the address of the site is not one that a path can be put behind.
    """
    sphinx.version = sphinx.release = vaelib.__version__
    if not re.fullmatch(r"https://[^\s?#]+/", sphinx.html_baseurl or ""):
        wanted = "not an https:// address ending in /"
        raise ValueError(f"html.baseurl in _config.yml is {sphinx.html_baseurl!r}, {wanted}")
    path, front = urlsplit(sphinx.html_baseurl).path, f"{sphinx.root_doc}.html"
    issues = f"{config()['repository']['url']}/issues"
    body = NOT_FOUND.format(path=path, front=front, issues=issues)
    sphinx.notfound_urls_prefix = path
    sphinx.notfound_context = {"title": "Page not found", "body": body}


def preview_tags(sphinx: Any, title: str, description: str, address: str) -> str:
    """What a message or a post shows in place of a link."""
    said = {
        "og:type": "website",
        "og:site_name": sphinx.project,
        "og:title": title,
        "og:description": description,
        "og:url": address,
        "og:image": sphinx.html_baseurl + PREVIEW,
        "og:image:type": "image/png",
        "og:image:width": "1200",
        "og:image:height": "630",
        "og:image:alt": PREVIEW_ALT,
    }
    tags = [f'<meta property="{name}" content="{escape(text)}"/>' for name, text in said.items()]
    return "\n".join([*tags, '<meta name="twitter:card" content="summary_large_image"/>'])


def amend(app: Any, pagename: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Give a page its footer and its preview. The page for what is not there has no address."""
    sphinx = app.config
    context["theme_extra_footer"] = FOOTER.format(
        version=sphinx.version,
        base=sphinx.html_baseurl,
        pdf=PDF.name,
        zip=ZIP.name,
        licences=context["theme_extra_footer"],
    )
    if pagename == sphinx.notfound_pagename:
        context["pageurl"] = None
        context["metatags"] += '<meta name="robots" content="noindex"/>'
        context["content_root"] = sphinx.notfound_urls_prefix
    elif context.get("pageurl"):
        title = Markup(context.get("title", "")).striptags()
        tags = preview_tags(sphinx, title, context["description"], context["pageurl"])
        context["metatags"] += tags


def shorten_title(app: Any, pagename: str, template: str, context: dict[str, Any], _: Any) -> None:
    """A tab shows the page and the book's name; the front page shows the name and the subtitle."""
    name, _, rest = app.config.html_title.partition(": ")
    context["docstitle"] = rest if pagename == app.config.root_doc else name


def root_page(sphinx: Any) -> str:
    name, _, rest = sphinx.html_title.partition(": ")
    front, base = f"{sphinx.root_doc}.html", sphinx.html_baseurl
    tags = preview_tags(sphinx, name, f"{rest[:1].upper()}{rest[1:]}.", base + front)
    icon = f"_static/{Path(sphinx.html_favicon).name}"
    title = escape(sphinx.html_title)
    page = {"language": sphinx.language, "front": front, "title": title, "base": base}
    return ROOT_PAGE.format(**page, tags=tags, icon=icon)


def site_map(base: str, names: list[str]) -> str:
    urls = [f"<url><loc>{escape(base + name)}.html</loc></url>" for name in names]
    return SITE_MAP.format(urls="\n".join(urls))


def write(app: Any, error: Exception | None) -> None:
    """Write the files beside the pages. The map names the book's pages, and no index or code."""
    if error is None and app.builder.format == "html":
        base = app.config.html_baseurl
        files = {
            "index.html": root_page(app.config),
            "sitemap.xml": site_map(base, sorted(app.env.found_docs)),
            "robots.txt": ROBOTS.format(base=base),
        }
        for name, text in files.items():
            Path(app.outdir, name).write_text(text, "utf8", newline="\n")


def release_faults(tag: str, site: str, repository: str) -> Iterator[str]:
    """Why the site may not be published: tag, site and repository as GitHub names them."""
    book = config()
    if tag != f"v{vaelib.__version__}":
        yield f"the tag is {tag!r}, and vaelib's version {vaelib.__version__}"
    said = {
        "html.baseurl": (book["html"]["baseurl"], site),
        "repository.url": (book["repository"]["url"], repository),
    }
    for name, (ours, theirs) in said.items():
        if ours.rstrip("/").lower() != theirs.rstrip("/").lower():
            yield f"{name} in _config.yml is {ours}, and GitHub says {theirs or 'nothing'}"


def main(arguments: list[str]) -> int:
    """Say whether the site may be published."""
    faults = list(release_faults(*arguments))
    said = "\n".join(faults) or "The tag and the addresses are right."
    print(said, file=sys.stderr if faults else sys.stdout)
    return 1 if faults else 0


def setup(app: Any) -> None:
    # Late, since sphinx-external-toc says at the same event which page is the front page.
    app.connect("config-inited", settle, priority=950)
    app.connect("html-page-context", shorten_title)
    app.connect("html-page-context", amend, priority=600)  # after light.py's description
    app.connect("build-finished", write, priority=800)
