"""Figures that a reader can move: in Jupyter, in a page without a kernel, and still in print.

A figure is drawn by one small front end, the files of ``front/``. In Jupyter, Binder and Colab anywidget hands it the
figure; a page gets it inside the HTML of the output, and needs nothing else. Needs anywidget and Matplotlib, which the
extra ``vaelib[book]`` installs.
"""

from __future__ import annotations

import html
import itertools
import json
import math
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import torch
from torch import Tensor, nn

try:
    import anywidget
    import matplotlib.pyplot as plt
    import traitlets
    from matplotlib.colors import to_hex
    from matplotlib.figure import Figure
except ImportError as error:
    raise ImportError(
        "vaelib.widgets needs anywidget and Matplotlib: pip install 'vaelib[book]'"
    ) from error

from vaelib import frames, plotting

__all__ = ["Movable", "evidence", "explore", "front_end", "jensen", "latent_walk"]

MAX_FRAMES = 200


@cache
def front_end(*kinds: str) -> tuple[str, str]:
    """The script that draws some kinds of figure, and its style sheet: for a book that wants them once.

    Args:
        kinds: ``"frames"`` (which is :func:`explore`), ``"evidence"``, ``"jensen"``, ``"latent"``.

    Returns:
        JavaScript, whose last statement ought to be ``startPage();``, and CSS.
    """
    folder = resources.files("vaelib") / "front"
    scripts = [(folder / f"{name}.js").read_text("utf8") for name in ("figure", *kinds, "start")]
    return "\n".join(scripts), (folder / "figure.css").read_text("utf8")


class Movable(anywidget.AnyWidget):
    """A figure that a reader can move. The functions of this module make it.

    Attributes:
        values: the value of each control, by name, as the reader left it. Only in a notebook that runs.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    kind = traitlets.Unicode().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    drawn = traitlets.Dict().tag(sync=True)
    values = traitlets.Dict().tag(sync=True)

    def __init__(
        self, kind: str, state: dict[str, Any], drawn: dict[str, Any], still: str, alt: str
    ) -> None:
        script, style = front_end(kind)
        self._still, self._alt = still, alt
        values = {
            control["name"]: control["values"][control["start"]] for control in state["controls"]
        }
        esm = f"{script}\nexport default {{ render }};"
        super().__init__(kind=kind, state=state, drawn=drawn, values=values, _esm=esm, _css=style)

    def __repr__(self) -> str:
        return f"A figure that moves. {self._alt}"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The live view for Jupyter, and beside it the HTML for a page without a kernel."""
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return {**data, "text/plain": repr(self), "text/html": self._html()}, metadata

    def _html(self) -> str:
        """Still picture, what is to be said and drawn, and, between two comments, the front end."""
        script, style = front_end(self.kind)
        width, height = self.state["size"]
        return "\n".join(
            [
                f'<div class="vaelib-figure" data-kind="{self.kind}">',
                f'<img src="{self._still}" alt="{html.escape(self._alt)}" width="{width}" height="{height}">',
                f'<script type="application/json" class="vaelib-state">{_json(self.state)}</script>',
                f'<script type="application/json" class="vaelib-drawn">{_json(self.drawn)}</script>',
                "</div>",
                f"<!-- front --><style>{style}</style>",
                f"<script>(() => {{\n{script}\nstartPage();\n}})();</script><!-- /front -->",
            ]
        )


def _json(value: Any) -> str:
    """JSON on one line that can stand inside a script element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def explore(
    draw: Callable[..., Figure],
    *,
    alt: str | Callable[..., str],
    labels: Mapping[str, str] | None = None,
    start: Mapping[str, Any] | None = None,
    play: str | None = None,
    **ranges: Sequence[Any],
) -> Movable:
    """A figure that is drawn for every position of its controls, once, and shows the one that the reader chooses.

    ``draw`` is called here for every combination of the values, so an error at any of them ends the cell. What it
    draws must depend on its arguments only; seed torch inside it if it samples. Pictures are kept as SVG, what they
    have in common once, or as PNG where that is smaller.

    Args:
        draw: called with a value for each range, by name; returns a Matplotlib figure, which is then closed. All
            figures must have one size.
        alt: describes the figure: a text with the names in braces, such as ``"The posterior at x = {x:.1f}"``, or a
            function of the values that returns one. It follows the controls.
        labels: how a control is named beside it; the range's own name if not given. A text such as ``"K"``.
        start: where controls stand at first, by name: one of their values; the first if not given.
        play: the name of a slider that a button moves by itself.
        ranges: for each control the values that it takes: numbers make a slider, texts a choice.

    Returns:
        the figure; show it as the last line of a cell.

    Raises:
        TypeError: ``draw`` or ``alt`` is not what it should be, or ``draw`` returns no figure.
        ValueError: no range, an empty one, more than 200 combinations, a name in ``labels``, ``start`` or ``play`` that
            is no range, a start that is not in its range, or figures of different sizes.
    """
    if not callable(draw):
        raise TypeError(
            f"draw must be a function that returns a Matplotlib figure; got {type(draw).__name__}"
        )
    if not isinstance(alt, str) and not callable(alt):
        raise TypeError(f"alt must be a text or a function; got {type(alt).__name__}")
    controls = _controls(ranges, labels or {}, start or {})
    count = math.prod(len(control["values"]) for control in controls)
    if not controls or count > MAX_FRAMES:
        raise ValueError(
            f"ranges must give 1 to {MAX_FRAMES} combinations; got {count if controls else 'no range'}"
        )
    if play is not None and (play not in ranges or isinstance(ranges[play][0], str)):
        raise ValueError(f"play must name a slider, one of {list(ranges)}; got {play!r}")
    combinations = [
        dict(zip(ranges, values, strict=True))
        for values in itertools.product(*(c["values"] for c in controls))
    ]
    alts = [
        alt.format(**values) if isinstance(alt, str) else alt(**values) for values in combinations
    ]
    pictures, size = _pictures(draw, combinations)
    first = combinations.index({c["name"]: c["values"][c["start"]] for c in controls})
    state = {"controls": controls, "play": play, "alts": alts, "size": size}
    return Movable(
        "frames", state, frames.share(pictures, first), frames.address(pictures[first]), alts[first]
    )


def evidence(model: Any, x: Tensor, *, K: int = 256, seed: int = 0) -> Movable:
    r"""The evidence, which does not move, and the bounds, which do; computed in the reader's browser.

    One datum and a model whose posterior :math:`\mathcal{N}(m, s_p^2)` is known. The reader drags the mean and the
    width of :math:`q` and chooses :math:`K`; the page shows :math:`p(z \mid x)`, :math:`q`, the weights of :math:`K`
    draws, and on one axis :math:`\log p(x)`, :math:`\mathcal{L}_K` (exact, by quadrature), the ELBO, and its gap.

    Args:
        model: has ``log_evidence(x)`` and a normal ``posterior(x)`` with one latent, such as
            :class:`~vaelib.latent.LinearGaussian`.
        x: one datum, shape ``(1, X)``.
        K: the most samples that the reader can choose; the choices are 1, 2, 4, and so on.
        seed: of the noise that the draws are made from.

    Raises:
        ValueError: more than one datum, a posterior with more than one latent or beyond the figure's axes (its mean
            from -1 to 3, its standard deviation from 0.7 to 1.25), or a K below 1.
    """
    if isinstance(K, bool) or not isinstance(K, int) or K < 1:
        raise ValueError(f"K must be an integer of at least 1; got {K!r}")
    posterior = model.posterior(x)
    if (shape := tuple(posterior.mean.shape)) != (1, 1):
        raise ValueError(
            f"x and model must give one datum with one latent, shape (1, 1); got {shape}"
        )
    m, s, log_p = (
        posterior.mean.item(),
        posterior.variance.sqrt().item(),
        model.log_evidence(x).item(),
    )
    if not (-1 <= m <= 3 and 0.7 <= s <= 1.25):
        raise ValueError(
            f"the posterior must have mean -1 to 3 and std 0.7 to 1.25, to fit the axes; got {m:.3g}, {s:.3g}"
        )
    proxies = _proxies(m, s)
    means = sorted({*_grid(-4, 4, 0.05), *(mean for mean, _ in proxies.values())})
    stds = sorted({*_grid(0.35, 2.5, 0.05), *(std for _, std in proxies.values())})
    presets = {
        name: {"mean": means.index(a), "std": stds.index(b)} for name, (a, b) in proxies.items()
    }
    samples = [2**i for i in range(K.bit_length())]
    controls = [
        _control("mean", "mean of q", means, presets["Poor"]["mean"], digits=2),
        _control("std", "standard deviation of q", stds, presets["Poor"]["std"], digits=2),
        _control("K", "samples K", samples, min(2, len(samples) - 1)),
    ]
    noise = torch.randn(
        K, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    ).tolist()
    known = {"mean": m, "std": s, "log_p": log_p, "noise": noise}
    state = {
        "controls": controls,
        "presets": presets,
        "size": [700, 300],
        "colors": plotting.COLORS,
        **known,
    }
    alt = f"The posterior and a poor proxy beside it; on an axis of nats log p(x) = {log_p:.2f} and the bounds below."
    return Movable(
        "evidence", state, {}, _still(_draw_evidence(m, s, log_p, *proxies["Poor"])), alt
    )


def _proxies(m: float, s: float) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of the proxies that have a button, for a posterior N(m, s²)."""
    return {
        "Poor": (m - 2.1 * s, 2 * s),
        "Better": (m - 0.5 * s, 1.3 * s),
        "Exact": (m, s),
        "Too narrow": (m, s / 2),
    }


def jensen(first: float = 0.5, second: float = 4.0, share: float = 0.5) -> Movable:
    r"""Jensen's inequality for a weight with two values on the curve of the logarithm; computed in the browser.

    The reader drags the two values and the probability of the first; the page draws the chord, the point
    :math:`\log \mathbb{E}[w]` on the curve and :math:`\mathbb{E}[\log w]` on the chord, and prints the gap.

    Args:
        first: where the first value stands at first, from 0.1 to 5.
        second: the second.
        share: the probability of the first, from 0 to 1.

    Raises:
        ValueError: a start outside its range.
    """
    values, shares = _grid(0.1, 5, 0.05), _grid(0, 1, 0.02)
    controls = [
        _control("first", "first value", values, _start("first", first, values), digits=2),
        _control("second", "second value", values, _start("second", second, values), digits=2),
        _control(
            "share", "probability of the first", shares, _start("share", share, shares), digits=2
        ),
    ]
    state = {"controls": controls, "size": [700, 330], "colors": plotting.COLORS}
    alt = f"The curve of log w, the points at w = {first:g} and {second:g} on it, their chord, and the gap between them."
    return Movable("jensen", state, {}, _still(_draw_jensen(first, second, share)), alt)


def latent_walk(
    decoder: nn.Module, codes: Tensor, labels: Tensor, *, reach: float = 4.0
) -> Movable:
    """A walk through a two-dimensional latent space: the decoder runs in the reader's browser, in 32-bit numbers.

    Args:
        decoder: its ``net`` is dense layers with tanh between them, and gives the mean of square images, such as
            :class:`~vaelib.proxies.GaussianDecoder` with its default network.
        codes: where the encoder puts labelled data, shape ``(N, 2)``: the map beneath, as far as it reaches.
        labels: integers from 0 to 9, shape ``(N,)``.
        reach: the map shows both latents from ``-reach`` to ``reach``.

    Raises:
        TypeError: a decoder with another network.
        ValueError: codes of another shape, images that are not square, or a reach that is not positive.
    """
    if codes.ndim != 2 or codes.shape[1] != 2 or len(labels) != len(codes):
        raise ValueError(
            f"codes must have shape (N, 2), labels (N,); got {tuple(codes.shape)}, {tuple(labels.shape)}"
        )
    if not reach > 0:
        raise ValueError(f"reach must be positive; got {reach!r}")
    layers = _dense_layers(decoder, codes)
    grid = _grid(-reach, reach, 0.05)
    controls = [
        _control(f"z{i}", f"z{'₁₂'[i - 1]}", grid, len(grid) // 2, digits=2) for i in (1, 2)
    ]
    names = [
        [label, *codes[labels == label].median(0).values.tolist()]
        for label in labels.unique().tolist()
    ]
    side = round(layers[-1].out_features ** 0.5)
    if side**2 != layers[-1].out_features:
        raise ValueError(f"decoder must make square images; got {layers[-1].out_features} pixels")
    colors = [to_hex(plt.get_cmap("tab10")(i)) for i in range(10)]
    state = {
        "controls": controls,
        "size": [700, 370],
        "colors": colors,
        "side": side,
        "reach": reach,
    }
    drawn = {
        "layers": [
            {"weight": _base64(layer.weight), "bias": _base64(layer.bias)} for layer in layers
        ],
        "codes": _base64(codes),
        "labels": labels.tolist(),
        "names": names,
    }
    alt = "A map of digits in two latent dimensions, coloured by label; beside it what the decoder draws at its centre."
    return Movable("latent", state, drawn, _still(_draw_latent(decoder, codes, labels, reach)), alt)


def _controls(
    ranges: Mapping[str, Sequence[Any]], labels: Mapping[str, str], start: Mapping[str, Any]
) -> list[Any]:
    """The controls of explore, in the order of its ranges."""
    for argument, names in (("labels", set(labels)), ("start", set(start))):
        if unknown := names - set(ranges):
            raise ValueError(f"{argument} must name some of {list(ranges)}; got {sorted(unknown)}")
    controls = []
    for name, given in ranges.items():
        values = given.tolist() if isinstance(given, Tensor) else list(given)
        if not values:
            raise ValueError(f"{name} must have at least one value; got none")
        at = _start(name, start.get(name, values[0]), values)
        controls.append(_control(name, labels.get(name, name), values, at))
    return controls


def _control(
    name: str, label: str, values: list[Any], start: int, digits: int | None = None
) -> dict[str, Any]:
    """What the front end knows of one control."""
    texts = [_text(value, digits) for value in values]
    choice = isinstance(values[0], str)
    return {
        "name": name,
        "label": label,
        "values": values,
        "texts": texts,
        "start": start,
        "choice": choice,
    }


def _text(value: Any, digits: int | None) -> str:
    if isinstance(value, str):
        return value
    text = (
        f"{value:.{digits}f}"
        if digits is not None
        else f"{value:,}"
        if isinstance(value, int)
        else f"{value:.4g}"
    )
    return text.replace("-", "\N{MINUS SIGN}")


def _start(name: str, wanted: Any, values: list[Any]) -> int:
    """The position of a value that a control begins at."""
    if wanted not in values:
        raise ValueError(
            f"{name} must start at one of its values, {values[0]} to {values[-1]}; got {wanted!r}"
        )
    return values.index(wanted)


def _grid(low: float, high: float, step: float) -> list[float]:
    return [round(low + i * step, 6) for i in range(round((high - low) / step) + 1)]


def _base64(values: Tensor) -> str:
    return b64encode(
        values.detach().cpu().float().contiguous().numpy().astype("<f4").tobytes()
    ).decode()


def _dense_layers(decoder: nn.Module, z: Tensor) -> list[nn.Linear]:
    """The decoder's dense layers, if they and tanh are all there is between z and its mean."""
    whole: Any = getattr(decoder, "net", [])
    net = list(whole)
    layers = [layer for layer in net if isinstance(layer, nn.Linear)]
    if [type(layer) for layer in net] != [nn.Linear, nn.Tanh] * (len(layers) - 1) + [nn.Linear]:
        raise TypeError(
            f"decoder must have a net of dense layers with tanh between them; got {net or type(decoder)}"
        )
    if not torch.allclose(decoder(z).mean, whole(z)):  # by one path: two would round otherwise
        raise TypeError("decoder must have its net's output as its mean; got another mean")
    return layers


def _pictures(
    draw: Callable[..., Figure], combinations: list[dict[str, Any]]
) -> tuple[list[Any], list[int]]:
    """A picture for each combination, all SVG or all PNG, whichever is smaller for the first; and their size."""
    pictures = []
    sizes = set()
    picture = None
    for values in combinations:
        figure = draw(**values)
        if not isinstance(figure, Figure):
            raise TypeError(
                f"draw must return a Matplotlib figure; got {type(figure).__name__} at {values}"
            )
        sizes.add(tuple(round(100 * length) for length in figure.get_size_inches()))
        picture = picture or frames.smaller(figure)
        pictures.append(picture(figure))
        plt.close(figure)
    if len(sizes) > 1:
        raise ValueError(f"draw must return figures of one size; got {sorted(sizes)} pixels")
    return pictures, list(sizes.pop())


def _still(figure: Figure) -> str:
    """A figure as the address of a picture."""
    plt.close(figure)
    return frames.address(frames.svg(figure))


def _draw_evidence(m: float, s: float, log_p: float, mu: float, s_q: float) -> Figure:
    """The first state of the evidence's figure, for print."""
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(7, 3), width_ratios=(3, 1), layout="constrained"
    )
    z = torch.linspace(-4, 4, 401)
    for actor, mean, std, label in (
        ("posterior", m, s, r"$p(z \mid x)$"),
        ("proxy", mu, s_q, "$q$"),
    ):
        plotting.density(
            left, z, torch.distributions.Normal(mean, std).log_prob(z).exp(), actor, label
        )
    left.set(xlabel="latent $z$", yticks=[], ylim=(0, 1.25))
    left.legend()
    elbo = log_p - math.log(s / s_q) - (s_q**2 + (mu - m) ** 2) / (2 * s**2) + 0.5
    plotting.exact(right, log_p, label=r"$\log p(x)$")
    right.plot([0, 1], [elbo, elbo], color=plotting.COLORS["proxy"], label="ELBO")
    right.set(xticks=[], ylabel="nats", ylim=(log_p - 4.5, log_p + 0.5))
    right.legend()
    return figure


def _draw_jensen(first: float, second: float, share: float) -> Figure:
    """The first state of Jensen's figure, for print."""
    figure, ax = plt.subplots(figsize=(7, 3.3), layout="constrained")
    w = torch.linspace(0.083, 5, 300)
    ax.plot(w, w.log(), color=plotting.COLORS["evidence"])
    mean, logs = share * first + (1 - share) * second, [math.log(first), math.log(second)]
    on_chord = share * logs[0] + (1 - share) * logs[1]
    ax.plot([first, second], logs, "o--", color=plotting.COLORS["proxy"])
    ax.plot(
        [mean, mean], [on_chord, math.log(mean)], color=plotting.COLORS["bound"], lw=4, label="gap"
    )
    ax.set(xlabel="weight $w$", ylabel=r"$\log w$ (nats)")
    ax.legend()
    return figure


def _draw_latent(decoder: nn.Module, codes: Tensor, labels: Tensor, reach: float) -> Figure:
    """The first state of the walk, for print."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.7), layout="constrained")
    plotting.latent_map(left, codes, labels)
    left.plot(
        0, 0, "o", markersize=12, markerfacecolor="none", markeredgecolor="black", markeredgewidth=2
    )
    left.set(xlim=(-reach, reach), ylim=(-reach, reach))
    plotting.images(right, decoder(torch.zeros(1, 2).to(codes)).mean, columns=1)
    return figure
