"""What README and CONTRIBUTING show runs, and does what they say."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
README, CONTRIBUTING = ROOT / "README.md", ROOT / "CONTRIBUTING.md"


def example_in(page):
    (example,) = re.findall(r"^```python\n(.*?)^```", page.read_text("utf8"), flags=re.M | re.S)
    return example


def test_the_example_needs_torch_only_and_comes_close_to_the_truth(capsys, monkeypatch):
    for extra in ("sklearn", "scipy", "matplotlib", "pandas", "pooch", "platformdirs"):
        monkeypatch.setitem(sys.modules, extra, None)
    assert len(example_in(README).strip().splitlines()) <= 12
    exec(example_in(README), {})
    printed = r"held-out log p\(x\): (-\d+\.\d\d) nats; of the truth: (-\d+\.\d\d)\n"
    said = re.fullmatch(printed, capsys.readouterr().out)
    # On held-out data no model is better than the one that made them, on average.
    assert -0.5 < float(said[1]) - float(said[2]) < 0.05


def test_the_exercise_passes_a_right_answer_and_names_a_wrong_one(tmp_path):
    path = tmp_path / "61_perplexity.py"
    path.write_text(example_in(CONTRIBUTING), "utf8")
    assert len([line for line in path.read_text("utf8").splitlines() if line]) <= 20
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.exercise(lambda p: torch.distributions.Categorical(p).entropy().exp())
    wrong = module.exercise(lambda p: (p * p.log()).sum().exp())
    assert not wrong and wrong.mistakes == ("sign-flipped",)


@pytest.mark.parametrize("page", [README, CONTRIBUTING], ids=lambda page: page.stem)
def test_every_file_that_it_names_is_there(page):
    named = re.findall(r"`((?:book|vaelib|tests|benchmarks)/[\w./-]*)`", page.read_text("utf8"))
    examples = {name for name in named if "61_perplexity" in name or "NN_name" in name}
    assert len(named) > 5
    assert all((ROOT / name).exists() for name in set(named) - examples - {"benchmarks/"})
