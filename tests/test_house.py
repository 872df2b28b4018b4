"""The house rules of vaelib: who imports whom, what a docstring says, which equation it names."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import vaelib

PACKAGE = Path(vaelib.__file__).parent
BOOK = PACKAGE.parent / "book"
SOURCES = sorted([*PACKAGE.rglob("*.py"), *BOOK.glob("_ext/**/*.py")])
MAY_IMPORT = {
    "__init__": set(),
    "__main__": {"data"},
    "_validate": set(),
    "protocol": {"_validate"},
    "densities": {"_validate"},
    "latent": {"_validate", "protocol", "densities"},
    "proxies": {"_validate", "protocol", "densities"},
    "jensen": {"_validate"},
    "elbo": {"protocol"},
    "iwae": {"_validate", "protocol", "jensen", "elbo"},
    "evaluate": {"_validate", "protocol"},
    "annealing": {"_validate", "protocol", "jensen", "evaluate"},
    "ledger": {"_validate", "protocol", "elbo", "evaluate", "annealing"},
    "train.__init__": {"train"},
    "train.loop": {"_validate", "protocol", "train"},
    "train.settings": {"_validate"},
    "train.objective": set(),
    "train.batches": {"_validate", "train"},
    "train.finite": set(),
    "train.history": set(),
    "train.interrupt": set(),
    "train.checkpoint": set(),
    "train.compare": {"train"},
    "train.weights": {"train"},
    "train.parallel": set(),
    "data.__init__": {"data"},
    "data.shipped": {"_validate"},
    "data.pixels": {"_validate"},
    "data.downloaded": {"_validate", "data"},
    "data.download": set(),
    "plotting": {"_validate"},
    "widgets.__init__": {"widgets"},
    "widgets.movable": {"widgets"},
    "widgets.frames": set(),
    "widgets.explore": {"widgets"},
    "widgets.evidence": {"_validate", "plotting", "widgets"},
    "widgets.jensen": {"plotting", "widgets"},
    "widgets.latent_walk": {"_validate", "plotting", "widgets"},
}
THIRD_PARTY = {
    "train.checkpoint": {"torch", "filelock"},
    "train.history": {"matplotlib", "pandas"},
    "data.download": {"filelock", "platformdirs", "pooch", "tqdm"},
    "data.downloaded": {"torch", "scipy"},
    "data.shipped": {"torch", "sklearn"},
    "plotting": {"torch", "matplotlib", "matplotlib_inline", "cycler"},
    "widgets.movable": {"anywidget", "traitlets"},
    "widgets.frames": {"matplotlib", "PIL"},
    "widgets.explore": {"torch", "matplotlib"},
    "widgets.evidence": {"torch", "matplotlib"},
    "widgets.jensen": {"torch", "matplotlib"},
    "widgets.latent_walk": {"torch", "matplotlib"},
}
# All functions of these modules stand in equations of the book; of other modules only fit does.
IN_EQUATIONS = ["latent", "proxies", "jensen", "elbo", "iwae", "evaluate", "annealing", "ledger"]
# These classes stand for no equation: their methods do, or they only hold values.
WITHOUT_EQUATION = {"LatentVariableModel", "LinearGaussian", "GaussianMixture", "GapLedger"}
# Bounds and estimators call these, and name the equation themselves.
WITHOUT_EQUATION |= {"log_path_density", "estimate_log_evidence", "estimate_standard_error"}
# The checks of exercises may import all concepts and each other; of third parties only torch.
CHECKS = [
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for path in sorted((PACKAGE / "checks").rglob("*.py"))
]
MAY_IMPORT |= {
    module: {"checks", "latent", "proxies", "jensen", "elbo", "iwae"} for module in CHECKS
}
THIRD_PARTY |= {module: {"torch"} for module in CHECKS}
MODULES = [name for name in MAY_IMPORT if not name.endswith("__init__")]
# torch says what these are.
OF_TORCH = {"forward", "expand", "rsample", "log_prob", "base_dist"}


def path_of(module):
    return PACKAGE.joinpath(*module.split(".")).with_suffix(".py")


def tree(module):
    return ast.parse(path_of(module).read_text(encoding="utf-8"))


def imported(module):
    """Dotted names of all that a module imports, wherever it does so."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide who imports whom"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def public(module):
    """Public functions, classes, methods and properties that this module defines: name, object."""
    source = importlib.import_module(f"vaelib.{module}")
    for name in source.__all__:
        thing = getattr(source, name)
        if inspect.isroutine(thing) or inspect.isclass(thing):
            yield name, thing
        if inspect.isclass(thing):
            for own, value in vars(thing).items():
                is_method = inspect.isroutine(value) or isinstance(value, property)
                if is_method and own not in OF_TORCH and not own.startswith("_"):
                    yield f"{name}.{own}", value


def test_the_table_of_imports_names_every_module():
    files = {path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("*.py")}
    assert {".".join(path.parts) for path in files} == set(MAY_IMPORT)


@pytest.mark.parametrize("module", MAY_IMPORT)
def test_a_module_imports_only_what_the_design_allows(module):
    ours = {name.split(".")[1] for name in imported(module) if name.startswith("vaelib.")}
    assert ours <= MAY_IMPORT[module]
    packages = {name.split(".")[0] for name in imported(module)} - {"vaelib"}
    foreign = packages - set(sys.stdlib_module_names)
    assert foreign <= THIRD_PARTY.get(module, {"torch", "tqdm"})


def names_of_others(path):
    """Underscored names of other modules that a file imports, or reaches as module._name."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    aliases = [node for node in nodes if isinstance(node, ast.alias)]
    modules = {alias.asname or alias.name.split(".")[0] for alias in aliases}
    reached = [ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)]
    names = [alias.name for alias in aliases]
    names += [name for name in reached if name.split(".")[0] in modules]
    return sorted(name for name in names if re.search(r"(^|\.)_[A-Za-z]\w*$", name))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_module_takes_an_underscored_name_of_another(path):
    assert names_of_others(path) == []


def test_underscored_names_are_found(tmp_path):
    path = tmp_path / "a.py"
    path.write_text("import torch, os.path as p\nfrom b import _c, d\ntorch._C.e(), p._f, d.g\n")
    assert names_of_others(path) == ["_c", "p._f", "torch._C"]


def test_the_core_needs_neither_matplotlib_nor_scikit_learn():
    core = [name for name in MODULES if name.split(".")[0] not in ("plotting", "widgets")]
    blocked = ["matplotlib", "sklearn", "scipy", "ipywidgets", "IPython"]
    blocked += ["pooch", "platformdirs", "requests"]
    code = f"""
import sys, importlib
sys.modules.update(dict.fromkeys({blocked!r}))
for module in {core!r}:
    importlib.import_module(f"vaelib.{{module}}")
"""
    command = [sys.executable, "-W", "error", "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, cwd=PACKAGE.parent)
    assert run.returncode == 0 and run.stderr == "", run.stderr


@pytest.mark.parametrize("module", MODULES)
def test_all_names_what_a_module_defines_in_public(module):
    source = importlib.import_module(f"vaelib.{module}")
    defined = set()
    for node in tree(module).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Assign):
            names = {target.id for target in node.targets if isinstance(target, ast.Name)}
            may_be_private = module not in ("plotting", "checks.catalogue")
            defined |= names & set(source.__all__) if may_be_private else names - {"__all__"}
    assert set(source.__all__) == {name for name in defined if not name.startswith("_")}
    assert source.__all__ == sorted(source.__all__, key=lambda name: (not name.isupper(), name))


@pytest.mark.parametrize("module", MODULES)
def test_a_docstring_is_a_sentence_with_its_arguments_explained(module):
    assert tree(module).body and ast.get_docstring(tree(module))
    for name, thing in public(module):
        doc = inspect.getdoc(thing)
        assert doc and doc.split("\n\n")[0].rstrip().endswith((".", ":", "`")), name
        # What only vaelib itself calls is short.
        if not inspect.isroutine(thing) or module.startswith("_"):
            continue
        arguments = [a for a in inspect.signature(thing).parameters if a != "self"]
        missing = [a for a in arguments if f"    {a}: " not in doc]
        assert not missing, f"{name} does not explain {missing}"
        returns = inspect.signature(thing).return_annotation
        if "Tensor" in str(returns):
            assert "shape" in doc.split("Returns:")[1] or "``" in doc.split("Returns:")[1], name


@pytest.mark.parametrize("module", ["jensen", "elbo", "iwae"])
def test_a_bound_says_that_it_is_in_nats(module):
    for name, thing in public(module):
        if inspect.isroutine(thing) and "Tensor" in str(inspect.signature(thing).return_annotation):
            assert "nats" in inspect.getdoc(thing), name


def known_as(module, name):
    """What a reader calls it: vaelib.train.fit, though it is defined in vaelib.train.loop."""
    package = module.rpartition(".")[0]
    face = importlib.import_module(f"vaelib.{package}".rstrip("."))
    shown = package and name.split(".")[0] in getattr(face, "__all__", ())
    return f"vaelib.{package if shown else module}.{name}"


def labels_in_docstrings():
    """The library's side: every public thing and the labels that its docstring names."""
    return {
        known_as(module, name): set(re.findall(r":eq:`([\w-]+)`", inspect.getdoc(thing)))
        for module in MODULES
        for name, thing in public(module)
    }


def paragraphs(text):
    """The paragraphs of a page without its boxes of claims; a cell is one paragraph."""
    text = re.sub(r"^```\{claim\}.*?^```$", "", text, flags=re.M | re.S)
    text = re.sub(r"^```\{code-cell\}.*?^```$", "a cell", text, flags=re.M | re.S)
    text = re.sub(r"^\$\$(?: \([\w-]+\))?$", lambda match: f"\n\n{match[0]}\n\n", text, flags=re.M)
    return [p for p in re.split(r"\n\s*\n", text) if not re.fullmatch(r"\s*(?:[`:]{3,}\s*)*", p)]


def equations_of(text):
    """The book's side: each labelled equation, with place and text of the paragraphs around it."""
    blocks = paragraphs(text)
    for i, block in enumerate(blocks):
        if match := re.fullmatch(r"\$\$ \(([\w-]+)\)", block.strip()):
            opening = max(j for j in range(i) if blocks[j].strip() == "$$")
            yield match[1], {j: blocks[j] for j in (opening - 1, i + 1)}


def functions_in(paragraph):
    role = r"\{py:(?:func|meth|class|obj)\}"
    return re.findall(role + r"`(?:[^`<]*<)?[~.]*(vaelib[\w.]+)>?`", paragraph)


@cache
def book_equations():
    """Each label of the book, with the functions named around it."""
    pages = [page.read_text(encoding="utf-8") for page in sorted(BOOK.glob("*.md"))]
    found = [pair for page in pages for pair in equations_of(page)]
    return {label: functions_in("".join(near.values())) for label, near in found}


def test_equations_are_read_with_the_paragraphs_around_them():
    page = """
Before, {py:func}`vaelib.a.f`.

```{claim} 1.1
Not {py:func}`vaelib.a.g`.
```

$$
y
$$ (eq-y)

````

After, {py:meth}`~vaelib.a.C.h` and {py:class}`the class <vaelib.a.C>`.
$$
x
$$

$$
z
$$ (eq-z)

```{code-cell}

{py:func}`vaelib.a.f`
```
"""
    (y, around_y), (z, around_z) = equations_of(page)
    assert [y, z] == ["eq-y", "eq-z"]
    before, after = map(functions_in, around_y.values())
    assert before == ["vaelib.a.f"] and after == ["vaelib.a.C.h", "vaelib.a.C"]
    assert list(map(functions_in, around_z.values())) == [[], []]


def test_a_label_is_given_once():
    text = "\n".join(page.read_text(encoding="utf-8") for page in BOOK.glob("*.md"))
    labels = re.findall(r"^\$\$ \(([\w-]+)\)$", text, flags=re.M)
    assert len(labels) == len(set(labels)) and set(labels) == set(book_equations())


def test_every_function_names_its_equation():
    labels = labels_in_docstrings()
    for module in IN_EQUATIONS:
        for name, _ in public(module):
            if "." not in name and name not in WITHOUT_EQUATION:
                assert labels[f"vaelib.{module}.{name}"], f"{module}.{name} names no equation"
    assert labels["vaelib.train.fit"]


NAMED = sorted((name, label) for name, labels in labels_in_docstrings().items() for label in labels)


@pytest.mark.parametrize("name, label", NAMED, ids=[f"{name}-{label}" for name, label in NAMED])
def test_an_equation_that_a_docstring_names_names_the_function(name, label):
    assert label in book_equations(), f"{name}: no page has an equation {label}"
    assert name in book_equations()[label], f"the paragraphs around {label} do not name {name}"


@pytest.mark.parametrize("page", sorted(BOOK.glob("0*.md")), ids=lambda page: page.stem)
def test_a_function_named_beside_an_equation_names_the_equation(page):
    """A paragraph between two equations may name the functions of both."""
    labels, beside = labels_in_docstrings(), {}
    for label, around in equations_of(page.read_text(encoding="utf-8")):
        for place, paragraph in around.items():
            beside.setdefault((place, paragraph), set()).add(label)
    for (_, paragraph), near in beside.items():
        for name in functions_in(paragraph):
            assert labels.get(name, set()) & near, f"{name} names none of {near}, beside it"
