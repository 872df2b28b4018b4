"""The house rules of vaelib: who imports whom, what a docstring says, how long a function may be."""

import ast
import importlib
import inspect
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

import vaelib

PACKAGE = Path(vaelib.__file__).parent
MAY_IMPORT = {
    "__init__": set(),
    "latent": set(),
    "kernels": set(),
    "proxies": {"kernels"},
    "jensen": set(),
    "elbo": {"latent", "proxies", "jensen"},
    "iwae": {"latent", "proxies", "jensen", "elbo"},
    "evaluate": {"latent", "proxies", "jensen", "elbo", "iwae"},
    "train": {"batches", "checkpoint", "parallel"},
    "batches": {"checkpoint"},
    "checkpoint": set(),
    "parallel": set(),
    "data": set(),
    "plotting": set(),
}
THIRD_PARTY = {
    "train": {"torch", "tqdm", "matplotlib", "pandas"},
    "data": {"torch", "sklearn"},
    "plotting": {"torch", "matplotlib", "matplotlib_inline", "cycler"},
}
EQUATIONS = {
    "latent": {
        "LatentVariableModel.sample": "eq-ancestral",
        "LatentVariableModel.log_joint": "eq-joint",
        "LinearGaussian.log_evidence": "eq-lg-evidence",
        "LinearGaussian.posterior": "eq-lg-posterior",
        "GaussianMixture.log_evidence": "eq-mixture-evidence",
        "GaussianMixture.posterior": "eq-mixture-posterior",
        "simple_monte_carlo": "eq-simple-mc",
        "fit_ppca": "eq-ppca",
        "StandardNormal": "eq-standard-normal",
    },
    "proxies": {
        "GaussianEncoder": "eq-gaussian-encoder",
        "FreeGaussian": "eq-free-gaussian",
        "GaussianDecoder": "eq-gaussian-decoder",
        "BernoulliDecoder": "eq-bernoulli-decoder",
        "CategoricalDecoder": "eq-categorical-decoder",
    },
    "jensen": {"jensen_gap": "eq-jensen-gap", "log_mean_exp": "eq-log-mean-exp"},
    "elbo": {
        "log_weights": "eq-log-weight",
        "elbo": "eq-elbo",
        "elbo_kl": "eq-elbo-kl",
        "elbo_score": "eq-elbo-score",
        "elbo_stl": "eq-elbo-stl",
    },
    "iwae": {
        "iwae": "eq-iwae",
        "normalized_weights": "eq-normalized-weights",
        "effective_sample_size": "eq-ess",
        "iwae_dreg": "eq-dreg",
    },
    "evaluate": {
        "log_likelihood": "eq-log-likelihood",
        "active_units": "eq-active-units",
        "reconstruct": "eq-reconstruct",
        "interpolate": "eq-interpolate",
    },
    "train": {"fit": "eq-objective"},
}
LABELLED = [(m, name, label) for m, labels in EQUATIONS.items() for name, label in labels.items()]
MODULES = [name for name in MAY_IMPORT if name != "__init__"]


def tree(module):
    return ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))


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
            methods = {k: v for k, v in own.items() if inspect.isroutine(v) or isinstance(v, property)}
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
    assert {path.stem for path in PACKAGE.glob("*.py")} == set(MAY_IMPORT)


@pytest.mark.parametrize("module", MAY_IMPORT)
def test_a_module_imports_only_what_the_design_allows(module):
    ours = {name.split(".")[1] for name in imported(module) if name.startswith("vaelib.")}
    assert ours <= MAY_IMPORT[module]
    foreign = {name.split(".")[0] for name in imported(module)} - set(sys.stdlib_module_names) - {"vaelib"}
    assert foreign <= THIRD_PARTY.get(module, {"torch", "tqdm"})


def test_the_core_needs_neither_matplotlib_nor_scikit_learn():
    core = [module for module in MODULES if module != "plotting"]
    blocked = ["matplotlib", "sklearn", "scipy", "ipywidgets", "IPython"]
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
        elif module == "plotting" and isinstance(node, ast.Assign):
            defined.update(target.id for target in node.targets if target.id != "__all__")
    assert set(source.__all__) == {name for name in defined if not name.startswith("_")}
    assert source.__all__ == sorted(source.__all__)


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


@pytest.mark.parametrize("module, name, label", LABELLED)
def test_a_docstring_names_its_equation(module, name, label):
    thing = importlib.import_module(f"vaelib.{module}")
    for part in name.split("."):
        thing = getattr(thing, part)
    assert f":eq:`{label}`" in " ".join(inspect.getdoc(thing).split())


@pytest.mark.parametrize("module", MODULES)
def test_functions_have_at_most_25_lines_of_code_and_modules_250(module):
    lines = code_lines(PACKAGE / f"{module}.py")
    assert len(lines) <= 250
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef):
            body = range(node.body[0].lineno, node.end_lineno + 1)
            assert len(lines.intersection(body)) <= 25, node.name
