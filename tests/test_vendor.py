"""What is kept from elsewhere is what VERSION says it is, and all that is there is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookext.pages import mathematics, vendor

KEPT = sorted(path for path in vendor.VENDOR.iterdir() if path.is_dir())
FOLDERS = {"build": mathematics.MATHJAX, **{path.name: path for path in KEPT}}


@pytest.mark.parametrize("folder", FOLDERS.values(), ids=FOLDERS)
def test_every_file_has_the_checksum_that_is_written_down(folder: Path) -> None:
    text = (folder / "VERSION").read_text("utf8")
    assert text.endswith(f"sha256 of the files here:\n{vendor.listing(folder)}")
    assert any(f"npm package {package} " in text for package in (vendor.MATHJAX, vendor.ICONS))
    assert len((folder / "LICENSE").read_text("utf8")) > 1000
