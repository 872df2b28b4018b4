"""What the README shows runs, and prints what it says."""

import re
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_example_trains_and_prints_a_held_out_log_likelihood(capsys):
    (example,) = re.findall(r"^```python\n(.*?)^```", README.read_text("utf8"), flags=re.M | re.S)
    assert len(example.strip().splitlines()) <= 12
    exec(example, {})
    printed = r"held-out log p\(x\): (-\d+\.\d) nats per digit, largest standard error (\d\.\d+)\n"
    said = re.fullmatch(printed, capsys.readouterr().out)
    # 64 fair coins would cost 44.4 nats; a thousand steps reach about 18.
    assert -22 < float(said[1]) < -15 and 0 < float(said[2]) < 1


def test_every_file_that_it_names_is_there():
    named = re.findall(r"`((?:book|vaelib|tests|benchmarks)/[\w./-]*)`", README.read_text("utf8"))
    assert len(named) > 5
    assert all((README.parent / name).exists() for name in named if name != "benchmarks/")
