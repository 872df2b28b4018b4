"""The book as a zip to read without a network.

A browser that reads files instead of asking a server refuses fonts fetched ahead, modules, and
scripts that fetch. The pages do without the first two, and the search without the excerpts that
it would fetch.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from bookext.book import HTML, ROOT, ZIP, config, require_built_book

# The one folder in the archive.
NAME = ZIP.stem
# What a reader has no use for: sources, files of servers, of Sphinx and of the theme, maps for
# debuggers, modules, and the theme's words in other languages.
LEFT_OUT = re.compile(
    r"(^|/)\.|^_sources/|^(objects\.inv|404\.html|sitemap\.xml|robots\.txt)$|\.map$"
    r"|webpack-macros\.html$|^_static/(copybutton_funcs\.js$|locales/|preview\.png$)"
)
# Preloaded fonts and scripts; the page's address on the web; the entry of a menu to its source.
NOT_OFFLINE = re.compile(
    r"""<link\b[^>]*\brel="(?:preload|modulepreload|prefetch|preconnect|canonical)"[^>]*>\n?
    | <li>\s*<a\b[^>]*\b_sources/.*?</li>""",
    re.S | re.X,
)
# Sphinx's switch for the excerpts of a search, wherever its script went.
EXCERPTS = re.compile(r"(\bSHOW_SEARCH_SUMMARY:\s*)true\b")
# The earliest date that a zip can hold: the same pages make the same bytes.
DATE = (1980, 1, 1, 0, 0, 0)
README = """\
{title}

Open index.html in a browser: double-click it. Nothing needs to be installed, and nothing is asked
of the network. Unpack the whole archive first; a page opened from inside it finds neither its
figures nor its mathematics.

The search finds pages and sections, and lists them without excerpts. Links to other sites need the
network, of course.

{licences}
The same book on the web: {site}
"""


def for_files(path: str, text: str) -> str:
    """A page or a script of the site as a browser can use it without a server."""
    if path.endswith(".html"):
        return NOT_OFFLINE.sub("", text)
    return EXCERPTS.sub(r"\1false", text)


def readme() -> str:
    """The file that says how to read the book."""
    book = config()
    html = book["html"]
    return README.format(title=book["title"], licences=html["extra_footer"], site=html["baseurl"])


def contents(html: Path) -> Iterator[tuple[str, bytes]]:
    """The files of the archive, sorted: path and bytes."""
    files = {path.relative_to(html).as_posix(): path for path in html.rglob("*") if path.is_file()}
    packed = {"README.txt": readme().encode()}
    for name, path in files.items():
        if not LEFT_OUT.search(name):
            data = path.read_bytes()
            is_rewritten = path.suffix in {".html", ".js"}
            packed[name] = for_files(name, data.decode()).encode() if is_rewritten else data
    yield from sorted(packed.items())


def pack(html: Path, archive: Path) -> None:
    """Write the archive; everything in it is in one folder."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name, data in contents(html):
            entry = zipfile.ZipInfo(f"{NAME}/{name}", DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16  # a plain file, as Unix says it
            entry.create_system = 3
            file.writestr(entry, data)


def main(arguments: list[str]) -> int:
    """Pack the built book; tests/print/test_zip.py looks at what is in it."""
    require_built_book()
    pack(HTML, ZIP)
    with zipfile.ZipFile(ZIP) as file:
        count = len(file.namelist())
    print(f"{ZIP.relative_to(ROOT)}: {count} files, {ZIP.stat().st_size / 1e6:.1f} MB")
    return 0
