"""The wheel and the sdist that `make dist` made, in environments that hold nothing else. `make test-dist` runs this.

torch is the one of the pins, or, where TORCH_INDEX names an index such as that of CPU builds, the lowest that
pyproject.toml allows and the newest. All else is the lowest, and the newest that the registry has.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PINS = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements.txt").read_text("utf8"), flags=re.M))
INDEX = os.environ.get("TORCH_INDEX")
# The tests that need the library and what it depends on, not the book.
LIBRARY = {path.stem for path in (ROOT / "vaelib").rglob("*") if "checks" not in path.parts}
UNIT = sorted(f"test_{name}.py" for name in LIBRARY if (ROOT / f"tests/test_{name}.py").exists())
UNIT += ["test_bad_input.py", "test_properties.py"]
# What the tests import, beside what vaelib needs; the lowest pandas that History.to_frame is tried with.
TOOLS = [f"{name}=={PINS[name]}" for name in ("pytest", "pytest-xdist", "hypothesis", "safetensors")]
PANDAS = {"lowest": "pandas==2.0.3", "newest": "pandas"}


def only(pattern: str) -> Path:
    (found,) = (ROOT / "_build" / "dist").glob(pattern)
    return found


@pytest.fixture(scope="module")
def wheel() -> Path:
    return only("vaelib-*.whl")


@pytest.fixture(scope="module")
def sdist() -> Path:
    return only("vaelib-*.tar.gz")


def run(*command: str | Path, cwd: Path, **more: str) -> str:
    """What a command prints, standard error included; all of it is shown if it fails."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV_"))} | more
    done = subprocess.run(command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}"
    return done.stdout


class Environment:
    """A virtual environment with what it is told to install."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder / "env", with_pip=True)
        self.python = folder / "env" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def install(self, *requirements: str | Path, index: str | None = None) -> None:
        options = ["--quiet", "--disable-pip-version-check", *(["--index-url", index] if index else [])]
        self(*"-m pip install".split(), *options, *requirements)

    def __call__(self, *arguments: str | Path, **more: str) -> str:
        # In a folder of its own, where no vaelib lies that would be found before the one installed.
        return run(self.python, *arguments, cwd=self.folder, **more)


def meta(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as file:
        (name,) = (name for name in file.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(file.read(name).decode())


def needs(wheel: Path) -> list[Requirement]:
    """What the wheel needs, the extra book included."""
    return [Requirement(line) for line in meta(wheel).get_all("Requires-Dist")]


def lowest(requirement: Requirement) -> str:
    (bound,) = (part.version for part in requirement.specifier if part.operator == ">=")
    return f"{requirement.name}=={bound}"


def torch_of(which: str, wheel: Path) -> str:
    (bound,) = (lowest(requirement) for requirement in needs(wheel) if requirement.name == "torch")
    return {"lowest": bound, "newest": "torch"}[which] if INDEX else f"torch=={PINS['torch']}"


# What is in them


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as file:
        return {name: file.read(name) for name in file.namelist()}


def test_the_wheel_holds_the_library_its_types_and_licence_and_nothing_else(wheel: Path) -> None:
    library = {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for path in (ROOT / "vaelib").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    inside = contents(wheel)
    assert {name: content for name, content in inside.items() if ".dist-info/" not in name} == library
    rest = {name.split("/", 1)[1] for name in inside if ".dist-info/" in name}
    assert rest == {"METADATA", "RECORD", "WHEEL", "top_level.txt", "licenses/LICENSE"}


def test_the_sdist_holds_what_a_user_needs_and_neither_book_nor_tests(sdist: Path, wheel: Path) -> None:
    with tarfile.open(sdist) as file:
        names = {member.name.split("/", 1)[1] for member in file.getmembers() if member.isfile()}
    library = {name for name in contents(wheel) if ".dist-info/" not in name}
    more = {"README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "pyproject.toml"}
    made = {"MANIFEST.in", "PKG-INFO", "setup.cfg"}
    assert {name for name in names if not name.startswith("vaelib.egg-info/")} == library | more | made


def test_sources_and_sdist_build_the_same_wheel(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as file:
        file.extractall(tmp_path / "sdist", filter="data")
    (unpacked,) = (tmp_path / "sdist").iterdir()
    sources = tmp_path / "sources"
    shutil.copytree(ROOT / "vaelib", sources / "vaelib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, sources)
    for folder in (unpacked, sources):
        run(sys.executable, *"-m build --wheel --no-isolation --outdir out".split(), cwd=folder)
        (built,) = (folder / "out").iterdir()
        assert built.name == wheel.name and contents(built) == contents(wheel)


# Where it is installed


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The newest of all; torch and tqdm only, until a later test installs more."""
    environment = Environment(tmp_path_factory.mktemp("newest"))
    environment.install(torch_of("newest", wheel), index=INDEX)
    environment.install(wheel)
    return environment


TRAIN = """
import torch
from vaelib import elbo, evaluate, iwae, jensen, latent, proxies, train
from vaelib.data import FreshPixels, two_moons
q, decoder = proxies.GaussianEncoder(6, 2), proxies.BernoulliDecoder(2, 6)
model = latent.LatentVariableModel(latent.StandardNormal(2), decoder)
for steps in (5, 9):
    x = FreshPixels(torch.rand(50, 6, generator=torch.Generator().manual_seed(0)))
    history = train.fit(iwae.iwae, model, q, x, K=5, steps=steps, held_out=x(0), record_every=5, checkpoint="run.pt")
assert history.steps == [5, 9] and two_moons(5).shape == (5, 2)
assert evaluate.log_likelihood(model, q, x(0), K=10).isfinite().all()
for call in ("data.digits()", "history.plot()", "history.to_frame()", "data.mnist()"):
    try:
        from vaelib import data
        eval(call)
    except ImportError as error:
        assert "pip install" in str(error), error
    else:
        raise AssertionError(call)
"""


def test_torch_and_tqdm_are_enough_to_train_and_evaluate(bare: Environment) -> None:
    bare("-m", "pip", "check")
    installed = {line.split("==")[0].lower() for line in bare("-m", "pip", "freeze").splitlines()}
    assert {"torch", "tqdm"} <= installed and not {"numpy", "matplotlib", "scikit-learn", "pooch"} & installed
    bare("-c", TRAIN)
    (example,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf8"), flags=re.M | re.S)
    assert "of the truth" in bare("-c", example)
    said = bare("-m", "vaelib")
    assert f"book     {dict(line.split(', ', 1) for line in meta(only('*.whl')).get_all('Project-URL'))['Documentation']}" in said


def unit_tests(environment: Environment) -> str:
    """The unit tests, beside nothing of ours but the installed wheel."""
    for name in ("tests", "pyproject.toml"):
        (shutil.copytree if name == "tests" else shutil.copy)(ROOT / name, environment.folder / name)
    where = environment("-c", "import vaelib; print(vaelib.__file__)").strip()
    assert Path(where).is_relative_to(environment.folder / "env"), where
    # Packages of other years warn of each other; what they warn of is looked at where all is pinned.
    options = "-m pytest -q -n 2 -W default -p no:cacheprovider --disable-warnings".split()
    chosen = ["-m", "not slow", *(f"tests/{name}" for name in UNIT)]
    return environment(*options, *chosen, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")


def test_the_unit_tests_pass_with_the_newest_of_all(bare: Environment, wheel: Path) -> None:
    bare.install(f"{wheel}[book]", *TOOLS, PANDAS["newest"])
    bare("-m", "pip", "check")
    assert re.search(r"\d{4} passed", unit_tests(bare))


def test_the_metadata_are_what_an_index_accepts(bare: Environment, wheel: Path, sdist: Path) -> None:
    bare.install("twine==7.0.0", "readme-renderer[md]==46.0")
    assert bare("-m", "twine", "check", "--strict", wheel, sdist).count("PASSED") == 2
    assert meta(wheel)["Requires-Python"] == ">=3.11" and meta(wheel)["License-Expression"] == "MIT"


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the lowest have wheels for the lowest Python, 3.11, only")
def test_the_unit_tests_pass_with_the_lowest_of_all(wheel: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path)
    environment.install(torch_of("lowest", wheel), index=INDEX)
    others = [lowest(requirement) for requirement in needs(wheel) if requirement.name != "torch"]
    environment.install(f"{wheel}[book]", *others, *TOOLS, PANDAS["lowest"])
    environment("-m", "pip", "check")
    said = environment("-m", "pip", "list", "--format=json", "--disable-pip-version-check")
    installed = {package["name"]: package["version"] for package in json.loads(said)}
    for requirement in map(Requirement, others):
        assert requirement.specifier.contains(installed[requirement.name]), requirement
    assert re.search(r"\d{4} passed", unit_tests(environment))
