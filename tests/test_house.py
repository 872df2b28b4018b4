"""The house rules of vaelib: who imports whom, what a docstring says, how long a function may be."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
import tokenize
from functools import cache
from pathlib import Path

import pytest

import vaelib

PACKAGE = Path(vaelib.__file__).parent
BOOK = PACKAGE.parent / "book"
MAY_IMPORT = {
    "__init__": set(),
    "__main__": {"download"},
    "latent": set(),
    "products": set(),
    "kernels": {"products"},
    "densities": {"kernels"},
    "proxies": {"densities", "kernels"},
    "jensen": set(),
    "elbo": {"latent", "proxies", "jensen"},
    "iwae": {"kernels", "latent", "proxies", "jensen", "elbo"},
    "evaluate": {"kernels", "latent", "proxies", "jensen", "elbo", "iwae"},
    "train": {"batches", "checkpoint", "parallel"},
    "batches": {"checkpoint"},
    "checkpoint": set(),
    "parallel": set(),
    "download": set(),
    "data": {"download"},
    "plotting": set(),
    "frames": set(),
    "widgets": {"frames", "plotting"},
}
THIRD_PARTY = {
    "train": {"torch", "tqdm", "matplotlib", "pandas"},
    "download": {"filelock", "platformdirs", "pooch", "tqdm"},
    "data": {"torch", "scipy", "sklearn"},
    "plotting": {"torch", "matplotlib", "matplotlib_inline", "cycler"},
    "frames": {"matplotlib", "PIL"},
    "widgets": {"torch", "anywidget", "matplotlib", "traitlets"},
}
# Whose functions are all in equations of the book; of the others only fit is.
IN_EQUATIONS = ["latent", "proxies", "jensen", "elbo", "iwae", "evaluate"]
# Classes that stand for no equation themselves: their methods do, or they only hold values.
WITHOUT_EQUATION = {
    "LatentVariableModel",
    "LinearGaussian",
    "GaussianMixture",
    "Model",
    "GapLedger",
}
# What serves the exercises may import all concepts, and whatever else serves them; of the others' code only torch.
CHECKS = [
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for path in sorted((PACKAGE / "checks").rglob("*.py"))
]
MAY_IMPORT |= {
    module: {"checks", "latent", "proxies", "jensen", "elbo", "iwae"} for module in CHECKS
}
THIRD_PARTY |= {module: {"torch"} for module in CHECKS}
MODULES = [name for name in MAY_IMPORT if not name.endswith("__init__")]


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
            own = {k: v for k, v in vars(thing).items() if not k.startswith("_") and k != "forward"}
            methods = {
                k: v for k, v in own.items() if inspect.isroutine(v) or isinstance(v, property)
            }
            yield from ((f"{name}.{k}", v) for k, v in methods.items())


def code_lines(path):
    """The numbers of the lines that hold code: no blank line, comment or docstring."""
    source = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    owners = [node for node in ast.walk(source) if isinstance(node, documented)]
    docstrings = [node.body[0] for node in owners if ast.get_docstring(node) is not None]
    skipped = {line for node in docstrings for line in range(node.lineno, node.end_lineno + 1)}
    silent = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    lines = set()
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type not in silent:
                lines.update(range(token.start[0], token.end[0] + 1))
    return lines - skipped


def test_the_table_of_imports_names_every_module():
    assert {path.stem for path in PACKAGE.glob("*.py")} | set(CHECKS) == set(MAY_IMPORT)


@pytest.mark.parametrize("module", MAY_IMPORT)
def test_a_module_imports_only_what_the_design_allows(module):
    ours = {name.split(".")[1] for name in imported(module) if name.startswith("vaelib.")}
    assert ours <= MAY_IMPORT[module]
    foreign = (
        {name.split(".")[0] for name in imported(module)}
        - set(sys.stdlib_module_names)
        - {"vaelib"}
    )
    assert foreign <= THIRD_PARTY.get(module, {"torch", "tqdm"})


def test_the_core_needs_neither_matplotlib_nor_scikit_learn():
    core = [module for module in MODULES if module not in ("plotting", "frames", "widgets")]
    blocked = [
        "matplotlib",
        "sklearn",
        "scipy",
        "ipywidgets",
        "IPython",
        "pooch",
        "platformdirs",
        "requests",
    ]
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
        if not inspect.isroutine(thing):
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


def labels_in_docstrings():
    """The library's side: every public thing and the labels that its docstring names."""
    return {
        f"vaelib.{module}.{name}": set(re.findall(r":eq:`([\w-]+)`", inspect.getdoc(thing)))
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
    """The book's side: each labelled equation, and where the paragraphs before and after it are, with their text."""
    blocks = paragraphs(text)
    for i, block in enumerate(blocks):
        if match := re.fullmatch(r"\$\$ \(([\w-]+)\)", block.strip()):
            opening = max(j for j in range(i) if blocks[j].strip() == "$$")
            yield match[1], {j: blocks[j] for j in (opening - 1, i + 1)}


def functions_in(paragraph):
    return re.findall(
        r"\{py:(?:func|meth|class|obj)\}`(?:[^`<]*<)?[~.]*(vaelib[\w.]+)>?`", paragraph
    )


@cache
def book_equations():
    """Each label of the book, with the functions named around it."""
    pages = [page.read_text(encoding="utf-8") for page in sorted(BOOK.glob("*.md"))]
    return {
        label: functions_in("".join(near.values()))
        for page in pages
        for label, near in equations_of(page)
    }


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
    assert [functions_in(p) for p in around_y.values()] == [
        ["vaelib.a.f"],
        ["vaelib.a.C.h", "vaelib.a.C"],
    ]
    assert [functions_in(p) for p in around_z.values()] == [[], []]


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
            assert labels.get(name, set()) & near, (
                f"{name} is named beside {near}, none of which its docstring names"
            )


@pytest.mark.parametrize("module", MODULES)
def test_functions_have_at_most_25_lines_of_code_and_modules_250(module):
    lines = code_lines(path_of(module))
    assert len(lines) <= 250
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef):
            body = range(node.body[0].lineno, node.end_lineno + 1)
            assert len(lines.intersection(body)) <= 25, node.name
