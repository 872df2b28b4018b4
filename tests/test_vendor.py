"""What is kept from elsewhere is what VERSION says it is, and all that is there is named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import mathematics  # noqa: E402
import vendor  # noqa: E402

FOLDERS = [
    ROOT / "book" / "_ext" / "mathjax",
    *sorted(path for path in vendor.STATIC.iterdir() if path.is_dir()),
]


@pytest.mark.parametrize(
    "folder", FOLDERS, ids=[str(folder.relative_to(ROOT)) for folder in FOLDERS]
)
def test_every_file_has_the_checksum_that_is_written_down(folder: Path) -> None:
    text = (folder / "VERSION").read_text("utf8")
    assert text.endswith(f"sha256 of the files here:\n{vendor.listing(folder)}")
    assert any(f"npm package {package} " in text for package in (vendor.MATHJAX, vendor.ICONS))
    assert len((folder / "LICENSE").read_text("utf8")) > 1000


def test_what_is_fetched_is_what_is_used() -> None:
    assert sorted(mathematics.PARTS) == sorted(
        name.removesuffix(".js") for name in vendor.PARTS.values()
    )
