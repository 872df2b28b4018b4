"""Figures that move: what a page gets, and what bad input says. In a browser: tests/browser."""

from __future__ import annotations

import gzip
import html
import json
import re
import shutil
import subprocess
import sys
from base64 import b64decode
from urllib.parse import unquote

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings
from hypothesis import given as drawn_from
from hypothesis import strategies as st
from matplotlib.figure import Figure
from test_frames import put_together
from torch import nn

from vaelib import latent, proxies, widgets
from vaelib.widgets import frames

plt.switch_backend("agg")


def curve(s: float, kind: str = "line") -> plt.Figure:
    figure, ax = plt.subplots(figsize=(6, 3))
    x = np.linspace(0, 4, 150)
    ax.plot(x, np.sin(s * x), ":" if kind == "dots" else "-")
    ax.set_title(f"s = {s:g}")
    return figure


def moving() -> widgets.Movable:
    ranges = {"s": [1.0, 1.5, 2.0], "kind": ["line", "dots"]}
    return widgets.explore(curve, alt="A sine, s = {s:g}, {kind}", start={"s": 2.0}, **ranges)


def parts(figure: widgets.Movable) -> tuple[str, dict, dict, str]:
    """What the page gets: the kind, the state, what is drawn, the still picture's address."""
    page = figure._repr_mimebundle_()[0]["text/html"]
    kind = re.search(r'<div class="vaelib-figure" data-kind="(\w+)">', page)[1]
    texts = re.findall(r'class="vaelib-\w+">(.*?)</script>', page)
    state, drawn = (json.loads(text, parse_constant=no_json) for text in texts)
    return kind, state, drawn, html.unescape(re.search(r'<img src="([^"]*)"', page)[1])


def no_json(constant: str) -> None:
    """Python reads NaN and Infinity in JSON, a browser does not."""
    pytest.fail(f"the page holds {constant}")


def floats(text: str) -> np.ndarray:
    return np.frombuffer(b64decode(text), "<f4")


def test_every_position_has_its_picture_and_its_words() -> None:
    _, state, drawn, still = parts(moving())
    pairs = [(s, kind) for s in (1.0, 1.5, 2.0) for kind in ("line", "dots")]
    assert state["alts"] == [f"A sine, s = {s:g}, {kind}" for s, kind in pairs]
    for index, (s, kind) in enumerate(pairs):
        assert put_together(drawn, index) == frames.svg(curve(s, kind))
    assert len(set(map(str, drawn["frames"]))) == 6
    # It starts at s = 2.
    assert unquote(still.partition(",")[2]) == put_together(drawn, 4).replace("\n", " ")
    plt.close("all")


def test_controls_say_their_values_in_words() -> None:
    figure = widgets.explore(curve, alt="x", labels={"s": "spread s"}, s=[-1, 0.5, 2000], play="s")
    (control,) = figure.state["controls"]
    assert control["texts"] == ["\N{MINUS SIGN}1", "0.5", "2,000"]
    assert control["label"] == "spread s"
    assert not control["choice"] and figure.state["play"] == "s" and figure.values == {"s": -1}
    assert moving().state["controls"][1]["choice"]


def test_alt_text_may_be_a_function() -> None:
    s = torch.tensor([1.0, 2.0])
    figure = widgets.explore(curve, alt=lambda s: f"twice s is {2 * s:g}", s=s)
    assert figure.state["alts"] == ["twice s is 2", "twice s is 4"]
    assert repr(figure) == "A figure that moves. twice s is 2"


def test_same_figure_same_bytes_in_another_process() -> None:
    code = (
        f"import sys; sys.path = {sys.path!r}; import test_widgets as t; print(t.moving()._html())"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    first, second = (
        subprocess.check_output(command, text=True, env={"PYTHONHASHSEED": seed}) for seed in "12"
    )
    assert first == second and "vaelib-figure" in first


def test_thirty_frames_are_at_most_300_kB_on_the_wire() -> None:
    def draw(s: float) -> plt.Figure:
        figure, axes = plt.subplots(1, 2, figsize=(7, 3))
        for ax, name in zip(axes, ("sine", "cosine"), strict=True):
            ax.plot(np.linspace(0, 9, 400), np.sin(s * np.linspace(0, 9, 400)), label=name)
            ax.scatter(np.linspace(0, 9, 60), np.cos(s * np.arange(60)))
            ax.set(title=f"{name}, s = {s:g}", xlabel=r"$\log w$")
            ax.legend()
        return figure

    figure = widgets.explore(draw, alt="x", s=[i / 10 for i in range(30)])
    assert len(gzip.compress(figure._html().encode())) <= 300_000


def test_a_picture_of_many_marks_becomes_png() -> None:
    def marks(seed: int) -> plt.Figure:
        figure, ax = plt.subplots(figsize=(3, 2))
        ax.scatter(*np.random.default_rng(seed).random((2, 8000)), s=1)
        return figure

    drawn, still = parts(widgets.explore(marks, alt="x", seed=[0, 1]))[2:]
    assert drawn["format"] == "png" and still.startswith("data:image/png;base64,")
    assert all(b64decode(frame).startswith(b"\x89PNG") for frame in drawn["frames"])
    assert len(set(drawn["frames"])) == 2


def test_an_error_at_the_last_position_is_an_error() -> None:
    def fails(s: float) -> plt.Figure:
        return curve(1 / (3 - s))

    with pytest.raises(ZeroDivisionError):
        widgets.explore(fails, alt="x", s=[1, 2, 3])


NO_FIGURE = "draw must return a Matplotlib figure; got NoneType at {'s': 1}"
TEXTS = {"s": ["a", "b"], "play": "s", "draw": lambda s: curve(1)}
SIZES = r"figures of one size; got \[\(100, 200\), \(200, 200\)\]"


def never(**values) -> plt.Figure:
    pytest.fail(f"drawn at {values}")


@pytest.mark.parametrize(
    "given, error, says",
    [
        ({"draw": 3}, TypeError, "draw must be a function .* got int"),
        ({"alt": 3}, TypeError, "alt must be a text or a function; got int"),
        ({"draw": lambda s: None}, TypeError, NO_FIGURE),
        ({"s": []}, ValueError, "s must have at least one value; got none"),
        ({"s": 3}, TypeError, "s must be a list of numbers or of texts; got 3"),
        ({"s": "ab"}, TypeError, "s must be a list of numbers or of texts; got 'ab'"),
        ({"s": iter([1, 2])}, TypeError, "s must be a list of numbers or of texts; got <list_it"),
        ({"s": torch.tensor(1.0)}, TypeError, "s must be a list of numbers or of texts; got tens"),
        ({"s": range(201)}, ValueError, "ranges must give 1 to 200 combinations; got 201"),
        ({"s": range(10**8)}, ValueError, "1 to 200 combinations; got 100000000"),
        ({"s": range(10**30)}, ValueError, "1 to 200 combinations; got inf"),
        ({"s": range(20), "t": range(20)}, ValueError, "1 to 200 combinations; got 400"),
        ({"s": [1.0, np.nan]}, ValueError, "s must hold finite numbers only.*; it holds nan"),
        (
            {"s": np.array([-np.inf])},
            ValueError,
            "s must hold finite numbers only.*; it holds -inf",
        ),
        ({"s": torch.tensor([np.inf])}, ValueError, "s must hold finite numbers .*; it holds inf"),
        (
            {"s": [10**400]},
            ValueError,
            "s must hold finite numbers only, or texts only; it holds 1",
        ),
        ({"s": [1, "a"]}, ValueError, "or texts only; it holds 'a'"),
        ({"s": ["a", 1]}, ValueError, "or texts only; it holds 1"),
        ({"s": [None]}, ValueError, "or texts only; it holds None"),
        ({"s": [1j]}, ValueError, "or texts only; it holds 1j"),
        ({"s": np.eye(2)}, ValueError, r"or texts only; it holds \[1.0, 0.0\]"),
        ({"alt": "at {t:g}"}, ValueError, r"alt must name some of \['s'\] in braces; got {t:g}"),
        ({"alt": "at {s:q}"}, ValueError, "alt cannot show {s:q} at {'s': 1}: Unknown format"),
        ({"alt": lambda s: None}, TypeError, "alt must return a text; got NoneType at {'s': 1}"),
        ({"labels": ["s"]}, TypeError, "labels must be a dictionary; got list"),
        ({"labels": {"s": np.nan}}, TypeError, "labels must be texts; got float for 's'"),
        ({"start": 1}, TypeError, "start must be a dictionary; got int"),
        ({"start": {"s": np.ones(9)}}, ValueError, r"s must start at .* got \[1.0, 1.0, .*\.\.\."),
        ({"labels": {"t": "time"}}, ValueError, r"labels must name some of \['s'\]; got \['t'\]"),
        ({"start": {"t": 1}}, ValueError, r"start must name some of \['s'\]; got \['t'\]"),
        ({"start": {"s": 5}}, ValueError, "s must start at one of its values, 1 to 2; got 5"),
        ({"play": "t"}, ValueError, r"play must name a slider, one of \['s'\]; got 't'"),
        (TEXTS, ValueError, "play must name a slider"),
        ({"draw": lambda s: plt.figure(figsize=(s, 2))}, ValueError, SIZES),
    ],
)
def test_bad_input_to_explore(given, error, says) -> None:
    with pytest.raises(error, match=says):
        widgets.explore(**{"draw": never, "alt": "x", "s": [1, 2], **given})
    plt.close("all")


def dot(**values) -> Figure:
    return Figure(figsize=(0.5, 0.5))


@pytest.mark.parametrize("kind", [list, tuple, np.array, torch.tensor, np.float32, np.int64])
def test_all_numbers_of_numpy_and_torch_become_pythons_own(kind) -> None:
    given = kind([0, 1, 2])
    taken = []

    def draw(s):
        taken.append(s)
        return dot()

    figure = widgets.explore(draw, alt="{s}", s=given, start={"s": given[1]})
    (control,) = parts(figure)[1]["controls"]
    assert control["values"] == taken == [0, 1, 2] and control["start"] == 1
    assert {type(value) for value in [*taken, *figure.values.values()]} <= {int, float}


def test_numpys_numbers_in_a_list_become_pythons_own() -> None:
    figure = widgets.explore(dot, alt="{s}", s=[np.int64(7), torch.tensor(0.5), 2])
    assert parts(figure)[1]["alts"] == ["7", "0.5", "2"]
    figure = widgets.explore(dot, alt="{s}", s=np.array(["line", "dots"]))
    assert parts(figure)[1]["controls"][0]["choice"]


ALTS = [
    ("x in {1,2}", "x in {1,2}"),
    ("x in {1, 2} at {s:.1f}", "x in {1, 2} at 3.0"),
    ("{s!r} of {a, b}", "3 of {a, b}"),
    ("a set {} and {s}", "a set {} and 3"),
    ("{{s}} is {s}", "{s} is 3"),
    ("open { and close }", "open { and close }"),
]


@pytest.mark.parametrize("alt, shown", ALTS)
def test_braces_around_anything_but_a_name_stay(alt, shown) -> None:
    assert widgets.explore(dot, alt=alt, s=[3]).state["alts"] == [shown]


# Whatever a figure is given, it says no by name before it draws, or its page can be read.

few = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
ODD = [None, True, 0, -1, 7, 10**400, "", "s", "{s}", b"s", 1j, [], [1, 2], {}, object()]
ODD += [np.nan, np.inf, -0.0, 1e308, 5e-324, np.float32(0.5), np.int64(3), np.array(2.0)]
ODD += [torch.tensor(0.5), torch.tensor(np.nan), torch.ones(2), torch.ones(1, 1), np.eye(2)]
odd = st.sampled_from(ODD)
numbers = st.floats(width=32) | st.integers() | st.booleans()
lists = st.lists(numbers, max_size=5) | st.lists(st.text(max_size=5), max_size=5)
given_ranges = st.one_of(
    odd,
    lists,
    lists.map(tuple),
    st.lists(odd, max_size=4),
    st.lists(st.floats(), max_size=5).map(np.array),
    st.lists(st.floats(), max_size=5).map(torch.tensor),
    st.integers(0, 9).map(np.arange),
    st.integers(0, 10**30).map(range),
)
alts = st.text(alphabet="{}s:.2g! 1", max_size=12) | odd | odd.map(lambda said: lambda **_: said)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """No picture is made of a figure: this takes most of the time, and depends on no argument."""
    monkeypatch.setattr(frames, "svg", lambda figure: "<svg/>")
    monkeypatch.setattr(frames, "smaller", lambda figure: frames.svg)


def refused_by_name(make, names: set[str]) -> bool:
    """Whether a call is refused, in a line that begins with an argument; else its page is read."""
    try:
        figure = make()
    except (TypeError, ValueError) as error:
        assert str(error).split()[0].partition(".")[0] in names, error
        assert "\n" not in str(error) and len(str(error)) < 200, error
        return True
    parts(figure)
    return False


@few
@drawn_from(ranges=st.dictionaries(st.sampled_from("st"), given_ranges), alt=alts, others=st.data())
def test_explore_says_no_by_name_or_makes_a_page_to_read(undrawn, ranges, alt, others) -> None:
    more = {name: others.draw(odd) for name in ("labels", "start", "play")}
    more |= {"labels": others.draw(st.none() | st.just({"s": others.draw(odd)}))}
    drawn = []

    def draw(**values):
        drawn.append(values)
        return dot()

    names = {"draw", "alt", "labels", "start", "play", "ranges", *"st"}
    for given in (more, {}):
        drawn.clear()
        refused = refused_by_name(
            lambda given=given: widgets.explore(draw, alt=alt, **given, **ranges), names
        )
        assert not (refused and drawn)


@few
@drawn_from(given=st.dictionaries(st.sampled_from(["first", "second", "share"]), odd))
def test_jensen_says_no_by_name_or_makes_a_page_to_read(undrawn, given) -> None:
    refused_by_name(lambda: widgets.jensen(**given), {*given})


class Solved:
    """A model that answers with whatever it was given."""

    def __init__(self, posterior, log_evidence) -> None:
        self.posterior, self.log_evidence = (lambda x: posterior), (lambda x: log_evidence)


@few
@drawn_from(
    given=st.one_of(
        st.tuples(st.sampled_from(["model", "x", "posterior", "log_evidence"]), odd),
        st.tuples(st.sampled_from(["K", "seed"]), odd),
    )
)
def test_the_evidence_says_no_by_name_or_makes_a_page_to_read(undrawn, given) -> None:
    name, value = given
    answers = {
        "posterior": torch.distributions.Normal(torch.ones(1, 1), torch.ones(1, 1)),
        "log_evidence": torch.tensor([-1.0]),
    }
    right = {"model": Solved(**answers), "x": torch.ones(1, 1), "K": 4}
    if name in answers:
        name, value = "model", Solved(**answers | {name: value})
    refused_by_name(
        lambda: widgets.evidence(**right | {name: value}), {"model", "x", "K", "seed", "the"}
    )


@few
@drawn_from(
    given=st.one_of(
        st.tuples(st.sampled_from(["decoder", "codes", "labels"]), odd),
        st.tuples(st.just("reach"), odd),
    )
)
def test_the_walk_says_no_by_name_or_makes_a_page_to_read(undrawn, given) -> None:
    right = {
        "decoder": proxies.GaussianDecoder(2, 4, hidden=()),
        "codes": torch.ones(3, 2),
        "labels": torch.arange(3),
    }
    refused_by_name(lambda: widgets.latent_walk(**right | dict([given])), {*right, "reach"})


def test_explore_needs_a_range() -> None:
    with pytest.raises(ValueError, match="got no range"):
        widgets.explore(lambda: curve(1), alt="x")


def test_the_front_end_has_four_kinds() -> None:
    with pytest.raises(ValueError, match=r"kinds must be some of \['explore', .*; got \['../x'\]"):
        widgets.front_end("jensen", "../x")


def test_figures_are_closed() -> None:
    plt.close("all")
    moving()
    widgets.jensen()
    assert not plt.get_fignums()


def test_text_cannot_leave_its_place_in_the_page() -> None:
    figure = widgets.explore(curve, alt="</script><b>\"&'", s=[1.0, 2.0])
    kind, state, _, _ = parts(figure)
    assert state["alts"][0] == "</script><b>\"&'" and kind == "explore"
    assert "<b>" not in figure._html().partition("<!-- front -->")[0]


def test_jupyter_gets_the_live_view_and_a_page_the_html() -> None:
    data, _ = moving()._repr_mimebundle_()
    assert set(data) == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}
    assert data["text/plain"].startswith("A figure that moves. A sine, s = 2, line")


def linear_gaussian(sigma: float = 1.0, z: int = 1) -> latent.LinearGaussian:
    weight, bias = torch.ones(1, z).double(), torch.zeros(1).double()
    return latent.LinearGaussian(weight, bias, sigma).requires_grad_(False)


def test_the_evidence_knows_its_model() -> None:
    figure = widgets.evidence(linear_gaussian(), torch.full((1, 1), 2.0).double(), K=64)
    state = figure.state
    # z ~ N(0, 1), x | z ~ N(z, 1): the posterior of x = 2 is N(1, 1/2), its evidence N(2; 0, 2).
    assert state["mean"] == pytest.approx(1) and state["std"] == pytest.approx(0.5**0.5)
    assert state["log_p"] == pytest.approx(-0.5 * np.log(4 * np.pi) - 1)
    mean, std, K = state["controls"]
    assert K["values"] == [1, 2, 4, 8, 16, 32, 64] and len(state["noise"]) == 64
    exact, narrow = state["presets"]["Exact"], state["presets"]["Too narrow"]
    assert mean["values"][exact["mean"]] == pytest.approx(1)
    assert std["values"][exact["std"]] == pytest.approx(0.5**0.5)
    assert std["values"][narrow["std"]] == pytest.approx(0.5**0.5 / 2)
    assert mean["values"] == sorted(mean["values"]) and std["values"] == sorted(std["values"])


@pytest.mark.parametrize(
    "model, x", [(linear_gaussian(z=2), torch.ones(1, 1)), (linear_gaussian(), torch.ones(2, 1))]
)
def test_the_evidence_wants_one_datum_and_one_latent(model, x) -> None:
    with pytest.raises(ValueError, match=r"one datum with one latent, shape \(1, 1\); got"):
        widgets.evidence(model, x.double())


@pytest.mark.parametrize("sigma, x", [(0.1, 0.0), (1.0, 9.0), (1.0, -4.0)])
def test_the_evidence_wants_a_posterior_that_fits_its_axes(sigma, x) -> None:
    with pytest.raises(ValueError, match="the posterior must have mean -1 to 3 and std"):
        widgets.evidence(linear_gaussian(sigma), torch.full((1, 1), x).double())


@pytest.mark.parametrize("K", [0, -1, 2.5, "8", True, 10**8])
def test_the_evidence_wants_a_number_of_samples(K) -> None:
    with pytest.raises(ValueError, match=r"K must be (a positive integer|at most 4096); got"):
        widgets.evidence(linear_gaussian(), torch.ones(1, 1).double(), K=K)


def test_the_evidence_wants_a_finite_evidence() -> None:
    class Broken(latent.LinearGaussian):
        def log_evidence(self, x):
            return super().log_evidence(x) + np.inf

    model = Broken(torch.ones(1, 1).double(), torch.zeros(1).double(), 1.0)
    with pytest.raises(ValueError, match=r"model.log_evidence\(x\) must be finite"):
        widgets.evidence(model, torch.ones(1, 1).double())
    with pytest.raises(TypeError, match=r"model must have a method posterior.*; got Linear"):
        widgets.evidence(nn.Linear(1, 1), torch.ones(1, 1))


OUTSIDE = [("first", 0.0), ("second", 6.0), ("share", 1.5), ("first", 0.123)]


@pytest.mark.parametrize("name, value", OUTSIDE)
def test_jensen_starts_on_its_sliders(name, value) -> None:
    with pytest.raises(ValueError, match=f"{name} must start at one of its values"):
        widgets.jensen(**{name: value})


def walk(**given) -> widgets.Movable:
    torch.manual_seed(0)
    arguments = {
        "decoder": proxies.GaussianDecoder(2, 64, hidden=(128,)),
        "codes": torch.randn(360, 2),
        "labels": torch.arange(360) % 10,
    }
    return widgets.latent_walk(**arguments | given)


def test_the_walk_carries_the_decoder_and_the_map() -> None:
    figure = walk()
    _, state, drawn, _ = parts(figure)
    torch.manual_seed(0)
    decoder, codes = proxies.GaussianDecoder(2, 64, hidden=(128,)), torch.randn(360, 2)
    first, second = drawn["layers"]
    hidden = floats(first["weight"]).reshape(128, 2) @ codes[0].numpy() + floats(first["bias"])
    mean = floats(second["weight"]).reshape(64, 128) @ np.tanh(hidden) + floats(second["bias"])
    assert np.allclose(mean, decoder(codes[:1]).mean[0].detach(), atol=1e-6)
    assert np.array_equal(floats(drawn["codes"]).reshape(360, 2), codes)
    assert drawn["labels"][:3] == [0, 1, 2]
    assert state["side"] == 8 and [label for label, *_ in drawn["names"]] == list(range(10))
    assert len(json.dumps(drawn)) <= 100_000


def test_the_walk_takes_a_layer_without_bias_and_a_decoder_of_another_precision() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 4, bias=False))
    decoder = proxies.GaussianDecoder(2, 4, net=net).double()
    layers = walk(decoder=decoder).drawn["layers"]
    assert np.array_equal(floats(layers[1]["bias"]), np.zeros(4))
    assert np.allclose(floats(layers[1]["weight"]).reshape(4, 3), net[2].weight.detach())


def sick_decoder(value: float) -> nn.Module:
    decoder = proxies.GaussianDecoder(2, 64).double()
    nn.init.constant_(decoder.net[0].weight, value)
    return decoder


class Plain(proxies.GaussianDecoder):
    def forward(self, z):
        return self.net(z)


LAYERS = "dense layers with tanh between them"


@pytest.mark.parametrize(
    "given, error, says",
    [
        ({"codes": torch.randn(360, 3)}, ValueError, r"codes must have shape .* got \(360, 3\)"),
        ({"codes": [[1.0, 2.0]]}, ValueError, r"codes must have shape \(N, 2\); got list"),
        ({"codes": torch.full((360, 2), np.nan)}, ValueError, "codes must be finite"),
        (
            {"codes": torch.full((360, 2), 1e39, dtype=torch.float64)},
            ValueError,
            "codes must be finite",
        ),
        ({"labels": torch.arange(3)}, ValueError, r"labels must have shape \(360,\).* got \(3,\)"),
        ({"labels": torch.full((360,), np.nan)}, TypeError, "labels must be .* got torch.float32"),
        ({"labels": [1] * 360}, TypeError, "labels must be a tensor of integers; got list"),
        ({"labels": torch.arange(360)}, ValueError, "labels must be 0 to 9; got 0 to 359"),
        ({"decoder": sick_decoder(np.nan)}, ValueError, "decoder must be finite"),
        ({"decoder": sick_decoder(1e39)}, ValueError, "decoder must be finite"),
        ({"decoder": Plain(2, 64)}, TypeError, "its net's output as its mean; got builtin_func"),
        ({"decoder": proxies.GaussianDecoder(3, 64)}, ValueError, "two latents; got 3"),
        ({"decoder": proxies.GaussianDecoder(2, 64, activation=nn.ReLU)}, TypeError, LAYERS),
        ({"decoder": nn.Linear(2, 64)}, TypeError, LAYERS),
        ({"decoder": proxies.BernoulliDecoder(2, 64)}, TypeError, "its net's output as its mean"),
        ({"decoder": proxies.GaussianDecoder(2, 60)}, ValueError, "square images; got 60 pixels"),
        ({"reach": 0.0}, ValueError, "reach must be a positive number; got 0.0"),
        ({"reach": 1e9}, ValueError, r"reach must be 0.1 to 100; got 1e\+09"),
    ],
)
def test_bad_input_to_the_walk(given, error, says) -> None:
    with pytest.raises(error, match=says):
        walk(**given)


@pytest.mark.parametrize("kind", ["explore", "evidence", "jensen", "latent_walk"])
def test_the_front_end_is_a_script_and_a_module(kind, tmp_path) -> None:
    """Node reads the syntax only, and only where there is one."""
    script, style = widgets.front_end(kind)
    assert f"KINDS.{kind} = " in script and "startPage" in script and ".vaelib-figure" in style
    if (node := shutil.which("node")) is None:
        pytest.skip("no node to read JavaScript with")
    (tmp_path / "page.js").write_text(f"(() => {{\n{script}\nstartPage();\n}})();")
    (tmp_path / "live.mjs").write_text(f"{script}\nexport default {{ render }};")
    for name in ("page.js", "live.mjs"):
        subprocess.run([node, "--check", tmp_path / name], check=True)
