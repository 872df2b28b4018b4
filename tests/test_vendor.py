"""What is kept from elsewhere is what its list of checksums says, and comes with its licence."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = [ROOT / "book" / "_ext" / "mathjax", *sorted((ROOT / "book" / "_static" / "vendor").iterdir())]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_files_are_those_of_the_list(folder: Path) -> None:
    version = (folder / "VERSION").read_text("utf8")
    listed = dict(re.findall(r"^([0-9a-f]{64})  (\S+)$", version, flags=re.M))
    found = {
        hashlib.sha256(path.read_bytes()).hexdigest(): path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "VERSION"
    }
    assert sorted(listed.items()) == sorted(found.items())
    assert re.search(r"npm package \S+@\d+\.\d+\.\d+", version)
    assert "LICENSE" in listed.values()
