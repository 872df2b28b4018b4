"""What the published site has beyond its pages: addresses, a preview, a version, a site map, a 404 page.

Every address derives from ``html.baseurl`` in ``_config.yml``, and the version is ``vaelib``'s.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup
from execution import config
from markupsafe import Markup

import vaelib

# Beside the site, where it is published: make pdf, make offline.
PDF, ZIP = "bounding-the-evidence.pdf", "bounding-the-evidence.zip"
PREVIEW = "_static/preview.png"
PREVIEW_ALT = (
    "Bounding the Evidence: variational autoencoders with every claim checked. Below the title, the ELBO and two "
    "importance-weighted bounds rise towards a dashed line, the exact log-evidence."
)
NOT_FOUND = "404"
NOT_FOUND_BODY = """\
<h1>Page not found</h1>
<p>There is no page at this address. It may have been renamed, or the link that led you here has a slip in it.</p>
<ul>
<li><a href="{front}">The front page</a> says what the book holds; the list of chapters leads to every page.</li>
<li><a href="search.html">Search the book</a> for what you had in mind.</li>
<li>A link in the book itself led here? Please <a href="{issues}">open an issue</a> and say on which page it is.</li>
</ul>"""
FOOTER = """\
Version {version}. To keep: <a href="{base}{pdf}">the book as one PDF</a>, or
<a href="{base}{zip}">as a zip to read offline</a>. {licences}"""
# The address of the site itself leads on to the front page; what it is called is for those who share it. Without an
# icon of its own a browser asks for the host's.
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
    """The version stands in ``vaelib``.

    Raises:
        ValueError: the address of the site is not one that a path can be put behind.
    """
    sphinx.version = sphinx.release = vaelib.__version__
    if not re.fullmatch(r"https://[^\s?#]+/", sphinx.html_baseurl or ""):
        raise ValueError(
            f"html.baseurl in _config.yml is {sphinx.html_baseurl!r}, not an https:// address ending in /"
        )


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


def described(context: dict[str, Any]) -> str:
    """The page's description, its own or the one that light.py found."""
    own = BeautifulSoup(context.get("metatags", ""), "html.parser").find(
        "meta", attrs={"name": "description"}
    )
    return own["content"] if own else context.get("description", "")


def amend(
    app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Footer, address and preview of a page; one that is not there has no address."""
    sphinx = app.config
    context["theme_extra_footer"] = FOOTER.format(
        version=sphinx.version,
        base=sphinx.html_baseurl,
        pdf=PDF,
        zip=ZIP,
        licences=context["theme_extra_footer"],
    )
    if pagename == NOT_FOUND:
        context["pageurl"] = None
        context["metatags"] = '<meta name="robots" content="noindex"/>'
        context["absolute"] = urlsplit(sphinx.html_baseurl).path
    elif context.get("pageurl"):
        title = Markup(context.get("title", "")).striptags()
        tags = preview_tags(sphinx, title, described(context), context["pageurl"])
        context["metatags"] = context.get("metatags", "") + tags


def make_absolute(soup: BeautifulSoup, path: str) -> None:
    """Addresses from the top of the host: a server shows the page in place of any that is not there."""
    for tag in soup.find_all(True):
        for name in {"href", "src", "action", "data-content_root"} & set(tag.attrs):
            if not urlsplit(tag[name]).scheme and not tag[name].startswith("#"):
                tag[name] = urljoin(path, tag[name])


def not_found(app: Any) -> list[tuple[str, dict[str, Any], str]]:
    """The page that a server shows in place of one that is not there."""
    issues = f"{app.config.html_theme_options['repository_url']}/issues"
    body = NOT_FOUND_BODY.format(front=f"{app.config.root_doc}.html", issues=issues)
    return [(NOT_FOUND, {"title": "Page not found", "body": body}, "page.html")]


def root_page(sphinx: Any) -> str:
    name, _, rest = sphinx.html_title.partition(": ")
    front, base = f"{sphinx.root_doc}.html", sphinx.html_baseurl
    tags = preview_tags(sphinx, name, f"{rest[:1].upper()}{rest[1:]}.", base + front)
    icon = f"_static/{Path(sphinx.html_favicon).name}"
    return ROOT_PAGE.format(
        language=sphinx.language,
        front=front,
        title=escape(sphinx.html_title),
        base=base,
        tags=tags,
        icon=icon,
    )


def site_map(base: str, names: list[str]) -> str:
    return SITE_MAP.format(
        urls="\n".join(f"<url><loc>{escape(base + name)}.html</loc></url>" for name in names)
    )


def write(app: Any, error: Exception | None) -> None:
    """The files beside the pages. The map names what a reader may look for: no index, no listing of code."""
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
    """Why the site may not be published from a tag, on a site and by a repository, each as GitHub names it."""
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
    faults = list(release_faults(*arguments))
    print(
        "\n".join(faults) or "The tag and the addresses are right.",
        file=sys.stderr if faults else sys.stdout,
    )
    return 1 if faults else 0


def setup(app: Any) -> dict[str, bool]:
    app.connect("config-inited", settle)
    # Part of the configuration, so that a change here rewrites all pages.
    app.add_config_value(
        "published_code", hashlib.sha256(Path(__file__).read_bytes()).hexdigest(), "html"
    )
    app.connect("html-collect-pages", not_found)
    app.connect("html-page-context", amend, priority=600)  # after light.py's description
    app.connect("build-finished", write, priority=800)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
