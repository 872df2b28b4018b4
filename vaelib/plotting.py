"""Pictures: axes in, axes out, and one colour for each actor in all chapters.

Needs Matplotlib, which the extra ``vaelib[book]`` installs. Most colours are those of Okabe and
Ito. Readers with any kind of colour vision can tell them apart; a test computes what they see.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from vaelib._validate import check_flag, check_integer, check_shape, describe, quote, widen

try:
    import matplotlib.pyplot as plt
    from cycler import cycler
    from matplotlib.axes import Axes
    from matplotlib.patches import Circle, Ellipse, FancyArrowPatch, FancyBboxPatch
except ImportError as error:
    raise ImportError("vaelib.plotting needs Matplotlib: pip install 'vaelib[book]'") from error

__all__ = [
    "COLORS",
    "CYCLE",
    "band",
    "density",
    "ellipse",
    "exact",
    "four_actors",
    "images",
    "latent_map",
    "plates",
    "use_style",
]

COLORS = {
    "prior": "#0072B2",
    "likelihood": "#E69F00",
    "posterior": "#D55E00",
    "proxy": "#009E73",
    "evidence": "#1A1A1A",
    "bound": "#B5468B",
    "data": "#5A5A5A",
}
CYCLE = ["#0072B2", "#D55E00", "#009E73", "#B5468B", "#E69F00", "#56B4E9", "#5A5A5A", "#1A1A1A"]


def use_style() -> None:
    """Set Matplotlib's defaults for the book: quiet axes, the actors' colours, sharp pictures."""
    plt.rcParams.update(
        {
            "axes.prop_cycle": cycler(color=CYCLE),
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlesize": "medium",
            "figure.constrained_layout.use": True,
            "figure.dpi": 100,
            "figure.figsize": (7, 2.8),
            "font.size": 10,
            "image.cmap": "gray_r",
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "svg.hashsalt": "vaelib",
        }
    )
    try:
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:  # not in a notebook
        return
    set_matplotlib_formats("retina")  # two pixels for one


def density(
    ax: Axes, grid: Tensor, values: Tensor, actor: str, label: str | None = None, fill: bool = True
) -> Axes:
    """A one-dimensional density over a grid, in its actor's colour.

    Args:
        ax: where to draw.
        grid: shape ``(n,)``.
        values: the density there, shape ``(n,)``.
        actor: a key of ``COLORS``.
        label: for the legend.
        fill: whether the area below is tinted.

    Raises:
        ValueError: other shapes, or no such actor.
        TypeError: what cannot become a tensor of real numbers.
    """
    grid = _as_tensor(grid, "grid", "n")
    values, color = _as_tensor(values, "values", len(grid)), _color_of(actor)
    ax.plot(grid, values, color=color, label=label)
    if fill:
        ax.fill_between(grid, 0, values, color=color, alpha=0.15, linewidth=0)
    return ax


def exact(ax: Axes, value: float | Tensor, label: str | None = "exact", axis: str = "y") -> Axes:
    """The exact answer, as a line across the axes in the evidence's colour.

    Args:
        ax: where to draw.
        value: where the line lies, one number.
        label: for the legend.
        axis: ``"y"`` for a horizontal line, ``"x"`` for a vertical one.

    Raises:
        ValueError: more numbers than one, or another axis.
        TypeError: no number.
    """
    if axis not in ("x", "y"):
        raise ValueError(f"axis must be 'x' or 'y'; got {quote(axis)}")
    draw = ax.axhline if axis == "y" else ax.axvline
    at = _as_tensor(value, "value")
    if at.numel() != 1:
        raise ValueError(f"value must be one number; got shape {describe(at)}")
    draw(float(at), color=COLORS["evidence"], linewidth=1.2, linestyle="--", label=label)
    return ax


def band(
    ax: Axes,
    x: Sequence[float] | Tensor,
    y: Tensor,
    se: Tensor,
    label: str | None = None,
    color: str | None = None,
    n_se: float = 2,
) -> Axes:
    """A line with its Monte-Carlo uncertainty as a band of ``n_se`` standard errors on each side.

    Args:
        ax: where to draw.
        x: shape ``(n,)``.
        y: the estimates, shape ``(n,)``.
        se: their standard errors, shape ``(n,)``.
        label: for the legend.
        color: the bound's colour if not given.
        n_se: half the band's width in standard errors.

    Raises:
        ValueError: shapes that differ.
        TypeError: what cannot become a tensor of real numbers.
    """
    color = color or COLORS["bound"]
    if isinstance(x, Tensor):
        x = _as_tensor(x, "x", "n")
    y, se = _as_tensor(y, "y", len(x)), _as_tensor(se, "se", len(x))
    ax.plot(x, y, color=color, label=label)
    ax.fill_between(x, y - n_se * se, y + n_se * se, color=color, alpha=0.25, linewidth=0)
    return ax


def ellipse(
    ax: Axes,
    mean: Tensor,
    cov: Tensor,
    actor: str,
    n_std: Sequence[float] = (1, 2),
    label: str | None = None,
) -> Axes:
    """A two-dimensional Gaussian, drawn as ellipses of ``n_std`` standard deviations.

    Args:
        ax: where to draw.
        mean: shape ``(2,)``.
        cov: the covariance, shape ``(2, 2)``.
        actor: a key of ``COLORS``.
        n_std: one ellipse for each.
        label: for the legend.

    Raises:
        ValueError: other shapes, a covariance with a negative eigenvalue, or no such actor.
        TypeError: what cannot become a tensor of real numbers.
    """
    mean, cov = _as_tensor(mean, "mean", 2), _as_tensor(cov, "cov", 2, 2)
    if not torch.allclose(cov, cov.mT):
        raise ValueError("cov must be symmetric; got another matrix, perhaps its factor")
    variances, axes = torch.linalg.eigh(cov.to(torch.promote_types(cov.dtype, torch.float32)))
    if not variances[0] >= -1e-6 * variances[1]:
        raise ValueError(f"cov must have no negative eigenvalue; got {variances[0].item():.4g}")
    angle = torch.rad2deg(torch.atan2(axes[1, 1], axes[0, 1])).item()
    centre = (float(mean[0]), float(mean[1]))
    look: dict[str, Any] = {"facecolor": "none", "edgecolor": _color_of(actor), "lw": 1.8}
    for i, n in enumerate(n_std):
        width, height = (2 * n * variances.clamp(min=0).sqrt()).flip(0).tolist()
        patch = Ellipse(centre, width, height, angle=angle, **look)
        patch.set_label(None if i else label)
        ax.add_patch(patch)
    ax.autoscale_view()
    return ax


def images(
    ax: Axes,
    x: Tensor,
    columns: int = 10,
    shape: tuple[int, int] | None = None,
    vmin: float = 0,
    vmax: float = 1,
) -> Axes:
    """Images as one tiled picture, row by row, ink dark on white.

    Args:
        ax: where to draw.
        x: shape ``(N, H * W)``.
        columns: how many images in a row.
        shape: (H, W); square images if not given.
        vmin: the value drawn white.
        vmax: the value drawn black.

    Raises:
        ValueError: the pixels are no square and no shape is given, or it does not fit; no image, or
            no positive number of columns.
        TypeError: what cannot become a tensor of real numbers.
    """
    check_integer(columns, "columns")
    x = _as_tensor(x, "x", "N", "H * W")
    side = round(x.shape[1] ** 0.5)
    height, width = shape or (side, side)
    if height * width != x.shape[1]:
        wanted = f"(N, H * W) with (H, W) = {(height, width)}"
        raise ValueError(f"x must have shape {wanted}; got {describe(x)}")
    rows = -(-x.shape[0] // columns)
    blank = x.new_full((rows * columns - x.shape[0], height * width), vmin)
    tiles = torch.cat([x, blank]).reshape(rows, columns, height, width)
    framed = torch.nn.functional.pad(tiles, (1, 1, 1, 1), value=vmin)
    picture = framed.permute(0, 2, 1, 3).reshape(rows * (height + 2), columns * (width + 2))
    ax.imshow(picture.numpy(), cmap="gray_r", vmin=vmin, vmax=vmax)
    ax.set_axis_off()
    return ax


def latent_map(ax: Axes, mean: Tensor, labels: Tensor) -> Axes:
    """Codes of labelled data in a two-dimensional latent space, in a colour for each class.

    The class's label stands at its median.

    Args:
        ax: where to draw.
        mean: shape ``(N, 2)``.
        labels: integers, shape ``(N,)``.

    Raises:
        ValueError: other shapes.
        TypeError: what cannot become a tensor of real numbers, or labels that are no integers.
    """
    mean = _as_tensor(mean, "mean", "N", 2)
    labels = _as_tensor(labels, "labels", len(mean))
    if labels.is_floating_point():
        raise TypeError(f"labels must be integers; got {labels.dtype}")
    colors = plt.get_cmap("tab10")
    for label in labels.unique().tolist():
        color = colors(label % 10)
        codes = mean[labels == label]
        ax.scatter(codes[:, 0], codes[:, 1], s=6, color=color, alpha=0.5, linewidths=0)
        box = {"boxstyle": "circle,pad=0.2", "facecolor": "white", "edgecolor": color}
        x, y = codes.median(0).values.tolist()
        ax.text(x, y, str(label), ha="center", va="center", bbox=box)
    ax.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    return ax


def four_actors(ax: Axes, highlight: Iterable[str] = ()) -> Axes:
    """The graphical model z → x with its actors, the proxy q among them.

    Args:
        ax: where to draw.
        highlight: which actors are drawn strongly; the others are faint. None named: all strong.

    Raises:
        ValueError: an actor that is not in the picture.
    """
    chosen = set(highlight) or set(_ACTORS)
    if unknown := chosen - set(_ACTORS):
        raise ValueError(f"highlight must name some of {sorted(_ACTORS)}; got {sorted(unknown)}")
    for name, (label, x, y) in _ACTORS.items():
        alpha = 1.0 if name in chosen else 0.25
        # A faint name must stay legible.
        ax.text(x, y, label, ha="center", va="center", alpha=max(alpha, 0.5))
        if name in _NODES:
            _node(ax, x, _NODES[name], name, alpha)
        else:
            _arrow(ax, *_ARROWS[name], name, alpha)
    ax.set(xlim=(-1.2, 5.2), ylim=(-1.3, 1.3), aspect="equal")
    ax.set_axis_off()
    return ax


def plates(ax: Axes, learned: bool = False, proxy: bool = False, samples: bool = False) -> Axes:
    """The graphical model z → x as plates: a box's letter counts what stands in the box.

    A circle is a random variable, shaded if it is observed; a dot is a parameter; the proxy's
    arrows are dashed.

    Args:
        ax: where to draw.
        learned: whether the model's parameters θ are drawn, outside the plate of the N data.
        proxy: whether the proxy's arrow from x to z is drawn, and its parameters φ.
        samples: whether z has a plate of its own: K samples for each datum.

    Raises:
        TypeError: one of them is neither True nor False.
    """
    for name, flag in {"learned": learned, "proxy": proxy, "samples": samples}.items():
        check_flag(flag, name)
    _plate(ax, (-1.2, 3.6), (-1.5, 1.1), "$N$")
    if samples:
        _plate(ax, (-0.9, 0.9), (-1.2, 0.8), "$K$")
    _node(ax, 0.0, "$z_k$" if samples else "$z$", "prior")
    _node(ax, 2.8, "$x$", "evidence")
    _arrow(ax, (0.55, 0.0), (2.25, 0.0), 0.0, "likelihood")
    if learned:
        _parameter(ax, 4.4, r"$\theta$", 3.35, "likelihood")
    if proxy:
        _arrow(ax, (2.45, -0.45), (0.35, -0.45), -0.3, "proxy")
        _parameter(ax, -2.0, r"$\phi$", -0.55, "proxy")
    ax.set(xlim=(-2.3, 4.7), ylim=(-1.6, 1.2), aspect="equal")
    ax.set_axis_off()
    return ax


def _as_tensor(value: Any, name: str, *sizes: int | str) -> Tensor:
    """What is drawn, as Matplotlib can take it: a tensor, or what becomes one, such as an array."""
    kind = type(value).__name__
    if not isinstance(value, Tensor):
        try:
            value = torch.tensor(value)
        except (RuntimeError, TypeError, ValueError):
            wanted = f"{name} must be a tensor or an array of numbers"
            raise TypeError(f"{wanted}; got {kind}") from None
    if sizes:
        check_shape(value, name, *sizes)
    if value.is_complex() or value.is_meta:
        got = value.dtype if value.is_complex() else f"one on {value.device}"
        raise TypeError(f"{name} must be a tensor or an array of numbers; got {got}")
    return widen(value.detach().cpu())


def _color_of(actor: str) -> str:
    if actor not in COLORS:
        raise ValueError(f"actor must be one of {sorted(COLORS)}; got {quote(actor)}")
    return COLORS[actor]


def _node(ax: Axes, x: float, letter: str, actor: str, alpha: float = 1.0) -> None:
    """A random variable. The one whose density is the evidence is observed, so it is shaded."""
    fill = "#E5E5E5" if actor == "evidence" else "white"
    ax.add_patch(Circle((x, 0), 0.5, facecolor=fill, edgecolor=COLORS[actor], alpha=alpha, lw=2))
    ax.text(x, 0, letter, ha="center", va="center", fontsize=16, alpha=alpha)


def _arrow(
    ax: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    bend: float,
    actor: str,
    alpha: float = 1.0,
) -> None:
    """An arrow in its actor's colour, dashed for the proxy."""
    look: dict[str, Any] = {"color": COLORS[actor], "alpha": alpha, "lw": 2, "mutation_scale": 16}
    look["linestyle"] = "--" if actor == "proxy" else "-"
    curve = f"arc3,rad={bend}"
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", connectionstyle=curve, **look))


def _parameter(ax: Axes, x: float, letter: str, end: float, actor: str) -> None:
    """A dot with its letter above, and an arrow to where it acts."""
    ax.add_patch(Circle((x, 0), 0.09, facecolor="black", edgecolor="none"))
    ax.text(x, 0.2, letter, ha="center", va="bottom", fontsize=13)
    _arrow(ax, (x, 0.0), (end, 0.0), 0.0, actor)


def _plate(ax: Axes, across: tuple[float, float], up: tuple[float, float], letter: str) -> None:
    """A rounded box, with its letter in the lower right corner."""
    (left, right), (low, high) = across, up
    look: dict[str, Any] = {"facecolor": "none", "edgecolor": COLORS["data"], "lw": 1.2}
    style = "round,pad=0,rounding_size=0.2"
    ax.add_patch(FancyBboxPatch((left, low), right - left, high - low, boxstyle=style, **look))
    ax.text(right - 0.14, low + 0.1, letter, ha="right", va="bottom", fontsize=11)


# What four_actors draws: for each actor its name and place; its letter if it is a node; the two
# ends of its arrow, and its bend, if it is one.
_ACTORS = {
    "prior": (r"prior $p(z)$", 0.0, -0.75),
    "evidence": (r"evidence $p_\theta(x)$", 4.0, -0.75),
    "likelihood": (r"likelihood $p_\theta(x \mid z)$", 2.0, 0.2),
    "posterior": (r"posterior $p_\theta(z \mid x)$", 2.0, 1.05),
    "proxy": (r"proxy $q_\phi(z \mid x)$", 2.0, -1.05),
}
_NODES = {"prior": "$z$", "evidence": "$x$"}
_ARROWS = {
    "likelihood": ((0.55, 0.0), (3.45, 0.0), 0.0),
    "posterior": ((3.6, 0.4), (0.4, 0.4), 0.3),
    "proxy": ((3.6, -0.4), (0.4, -0.4), -0.3),
}
