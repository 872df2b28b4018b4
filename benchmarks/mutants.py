"""How many one-token mutants of the mathematics do the unit tests kill?

MUTANTS.md says how to run this. mutmut makes the mutants. The tests of a mutant's module run in a
forked process, in which torch is imported already.
"""

import gc
import os
import resource
import sys
import types
from difflib import unified_diff
from pathlib import Path

import libcst as cst
import pytest
import scipy.stats  # noqa: F401
import torch._dynamo  # noqa: F401
from libcst import matchers as m
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper
from mutmut.mutation.mutators import mutation_operators

import vaelib

NAMES = ["_validate", "protocol", "densities", "latent", "proxies", "jensen", "elbo", "iwae"]
NAMES += ["evaluate", "annealing", "ledger"]
ROOT, SECONDS = Path(__file__).parents[1], 120
PAIRS = [
    ("mean", "sum"),
    ("std", "var"),
    ("all", "any"),
    ("min", "max"),
    ("log", "exp"),
    ("argmin", "argmax"),
]
SWAPS = (
    dict(PAIRS)
    | {b: a for a, b in PAIRS}
    | {"rsample": "sample", "logsumexp": "sum", "eigh": "eig"}
)
WORDS = (
    m.Annotation() | m.Decorator() | m.Import() | m.ImportFrom() | m.Raise() | m.FormattedString()
)
EXPORTS = m.Assign([m.AssignTarget(m.Name("__all__"))])
MEANT = (
    m.ComparisonTarget() | m.Comparison() | m.Element() | m.IfExp()
)  # where a string is more than words
REFUSAL = m.IndentedBlock([m.ZeroOrMore(), m.SimpleStatementLine([m.Raise()])])


def nodes(node):
    """What is mutated: no words and no types; of a check the condition, not the message."""
    yield node
    for child in node.children:
        message = isinstance(node, cst.If) and m.matches(child, REFUSAL)
        words = isinstance(child, cst.SimpleString) and not m.matches(node, MEANT)
        if not (message or words or m.matches(child, WORDS | EXPORTS)):
            yield from nodes(child)


def more_operators(call):
    """What mutmut lacks: another reduction, or a method that is not called (such as detach)."""
    if m.matches(call.func, m.Attribute(value=~(m.Name("self") | m.Call(m.Name("super"))))):
        name, of = call.func.attr, call.func.value
        yield call.with_deep_changes(name, value=SWAPS.get(name.value, name.value))
        if not m.matches(
            of, m.Name("torch") | m.Name("math") | m.Name("nn") | m.Attribute(m.Name("torch"))
        ):
            yield of


def mutants(source):
    """The source of every mutant. None replaces no value: such mutants all die of a TypeError."""
    wrapper = MetadataWrapper(cst.parse_module(source.decode()))
    spans, found = wrapper.resolve(ByteSpanPositionProvider), {}
    for node in nodes(wrapper.module):
        for operator in [
            f
            for kind, f in [*mutation_operators, (cst.Call, more_operators)]
            if isinstance(node, kind)
        ]:
            for mutant in operator(node):
                if len(m.findall(mutant, m.Name("None"))) <= len(m.findall(node, m.Name("None"))):
                    start, code = spans[node].start, cst.Module([]).code_for_node(mutant).encode()
                    found[source[:start] + code + source[start + spans[node].length :]] = None
    return [code for code in found if code != source]


def status(name, code):
    """pytest's exit status in a child that has this code: 0 if all pass, negative if too slow."""
    if not (child := os.fork()):
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        answer, module = 1, types.ModuleType(f"vaelib.{name}")
        sys.modules[module.__name__] = module
        setattr(vaelib, name, module)  # where a test looks that patches it by its path
        try:
            exec(compile(code, ROOT / f"vaelib/{name}.py", "exec"), module.__dict__)
            # Its own tests, then those of bad input, which are about the checks of all modules.
            about = (name.strip("_"), "bad_input")
            files = [str(ROOT / f"tests/test_{word}.py") for word in about]
            answer = pytest.main(["-x", "-pno:cacheprovider", "-mnot slow", *files])
        finally:
            os._exit(int(answer))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


gc.freeze()  # otherwise every fork copies what its garbage collection touches
for name in sys.argv[1:] or NAMES:
    source = (ROOT / f"vaelib/{name}.py").read_bytes()
    assert status(name, source) == 0, f"the tests of {name} fail without a mutation"
    lived = [(code, outcome) for code in mutants(source) if (outcome := status(name, code)) <= 0]
    print(f"{name}: {len(mutants(source))} mutants, {len(lived)} not killed", flush=True)
    for code, outcome in lived:
        diff = unified_diff(
            *(text.decode().splitlines() for text in (source, code)), lineterm="", n=0
        )
        print("timed out" if outcome else "survived", *list(diff)[2:], sep="\n", flush=True)
