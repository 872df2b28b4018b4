"""From what bench.py measured to RESULTS.md and growth.svg."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LABELS = {
    "floor": "matrix products alone (the floor)",
    "vaelib_fit": "**vaelib `fit`**",
    "vaelib_dreg": "vaelib `fit`, DReG",
    "vaelib_chunked": "vaelib `fit`, `chunk=10`",
    "jax_scan": "JAX, `lax.scan`",
    "jax_step": "JAX, jitted step",
    "numpyro_svi": "NumPyro `RenyiELBO`",
    "pythae_trainer": "pythae, its trainer",
    "pythae_loop": "pythae, bare loop",
    "textbook_flushed": "textbook loop, subnormals flushed",
    "textbook": "textbook loop",
    "pyro_svi": "Pyro `RenyiELBO`",
    "vaelib_cuda": "**vaelib `fit`, GPU**",
    "floor_cuda": "matrix products alone on the GPU (its floor)",
}
EVALUATORS = {
    "vaelib_fit": "**vaelib `log_likelihood`**",
    "jax_step": "JAX, jitted",
    "textbook": "textbook loop",
    "textbook_flushed": "textbook loop, subnormals flushed",
    "pythae_loop": "pythae `get_nll`",
}
AT_LEAST, AT_MOST = "≥", "≤"


def write(results: dict[str, Any], folder: Path) -> None:
    (folder / "RESULTS.md").write_text("\n".join(lines(results)) + "\n", "utf8")
    plot(results["growth"], folder / "growth.svg")


def lines(results: dict[str, Any]) -> list[str]:
    medians = {
        (one["B"], one["K"]): {
            name: statistics.median(values) for name, values in one["images"].items()
        }
        for one in results["training"]
    }
    seconds = {
        name: statistics.median(values) for name, values in results["evaluation"]["seconds"].items()
    }
    return [
        "# Measured: vaelib beside its peers",
        "",
        *machine(results),
        "",
        "## Targets",
        "",
        *targets(results, medians, seconds),
        "",
        "## Training: images per second",
        "",
        "Medians; in brackets vaelib's divided by it. K = 1 is the ELBO (pythae's VAE has the analytic KL).",
        f"The rounds of one contender lie within {spread(results['training']):.0%} of their median, half of the cases.",
        "",
        *[
            line
            for B in sorted({B for B, _ in medians}, reverse=True)
            for line in training(medians, B)
        ],
        *gpu(results),
        f"## log p(x) of 100 images, {results['evaluation']['K']:,} samples each",
        "",
        *evaluation(results["evaluation"], seconds),
        "",
        "## Memory and imports",
        "",
        *memory(results),
        "",
        "## Growth",
        "",
        *growth(results["growth"]),
    ]


def machine(results: dict[str, Any]) -> list[str]:
    facts = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return [
        f"{facts['cpu']}, {facts['cores']} cores, threads in use: {facts['threads']}; {facts['system']}; "
        f"Python {facts['python']}; {versions}.",
        "",
        "The IWAE paper's one-layer model: 784-200-200 tanh to 50, 200-200 tanh to 784 Bernoulli; Adam; binary digits; "
        "one set of trained weights to start from. Each contender is a process of its own, all asked in turn, "
        f"rounds: {results['rounds']}. Made by `make bench` in {results['minutes']:.0f} minutes; README.md says how.",
    ]


def targets(
    results: dict[str, Any], medians: dict[Any, dict[str, float]], seconds: dict[str, float]
) -> list[str]:
    rows = [["what", "must", "aim", "measured", "met"], ["---", "---:", "---:", "---:", "---"]]
    for what, sign, must, aim, value, form in measured_targets(results, medians, seconds):
        rows.append(
            [
                what,
                f"{sign} {must:{form}}",
                f"{sign} {aim:{form}}",
                f"{value:{form}}",
                met(sign, must, aim, value),
            ]
        )
    return table(rows)


def measured_targets(
    results: dict[str, Any], medians: dict[Any, dict[str, float]], seconds: dict[str, float]
) -> Iterable[tuple[str, str, float, float, float, str]]:
    """What is compared, which way, must, aim, measured, and how it is written."""

    def ahead(B: int, K: int, *peers: str) -> float:
        images = medians[B, K]
        return images["vaelib_fit"] / max(images[peer] for peer in peers)

    for K, must, aim in [(1, 1.5, 2.4), (5, 2.2, 3.3), (50, 2.5, 3.5)]:
        value = ahead(100, K, "pythae_trainer", "pythae_loop")
        yield (
            f"images/s ÷ pythae's faster loop, B = 100, K = {K}",
            AT_LEAST,
            must,
            aim,
            value,
            ".2f",
        )
    yield "images/s ÷ Pyro, B = 100, K = 50", AT_LEAST, 3, 4.4, ahead(100, 50, "pyro_svi"), ".2f"
    value = ahead(100, 50, "textbook_flushed")
    yield (
        "images/s ÷ textbook loop with subnormals flushed, B = 100, K = 50",
        AT_LEAST,
        1.5,
        2,
        value,
        ".2f",
    )
    for K in (5, 50):
        yield (
            f"images/s ÷ JAX scan, B = 100, K = {K}",
            AT_LEAST,
            1,
            1.2,
            ahead(100, K, "jax_scan"),
            ".2f",
        )
    yield (
        "time of the matrix products ÷ step, B = 100, K = 50",
        AT_LEAST,
        0.55,
        0.7,
        ahead(100, 50, "floor"),
        ".2f",
    )
    yield (
        "images/s ÷ the better JAX, B = 20, K = 1",
        AT_LEAST,
        0.5,
        1,
        ahead(20, 1, "jax_scan", "jax_step"),
        ".2f",
    )
    value = 1 / (medians[100, 50]["vaelib_dreg"] / medians[100, 50]["vaelib_fit"])
    yield "DReG step ÷ IWAE step, B = 100, K = 50", AT_MOST, 1.15, 1.15, value, ".2f"
    value = 1 / (medians[100, 50]["vaelib_chunked"] / medians[100, 50]["vaelib_fit"])
    yield "step with chunk = 10 ÷ without, B = 100, K = 50", AT_MOST, 1.6, 1.6, value, ".2f"
    for what, peer, must, aim in [
        ("pythae `get_nll`", "pythae_loop", 4, 6.5),
        ("textbook loop", "textbook", 2.5, 2.5),
        ("JAX", "jax_step", 1, 1.3),
    ]:
        yield (
            f"{what} ÷ `log_likelihood`, seconds",
            AT_LEAST,
            must,
            aim,
            seconds[peer] / seconds["vaelib_fit"],
            ".2f",
        )
    few, many = (results["memory"][K] for K in sorted(results["memory"]))
    few_K, many_K = sorted(results["memory"])
    yield (
        f"`log_likelihood`, peak memory from K = {few_K:,} to {many_K:,}, MB",
        AT_MOST,
        20,
        20,
        many - few,
        ".0f",
    )
    yield (
        "import of vaelib beyond torch, s",
        AT_MOST,
        0.3,
        0.3,
        statistics.median(results["imports"]),
        ".2f",
    )


def met(sign: str, must: float, aim: float, value: float) -> str:
    def holds(bound: float) -> bool:
        return value >= bound if sign == AT_LEAST else value <= bound

    if not holds(must):
        return "**no**"
    return "yes" if holds(aim) else "must"


def spread(training: list[dict[str, Any]]) -> float:
    """Half the range of a contender's rounds over their median; the median of that over everyone."""
    rounds = [values for one in training for values in one["images"].values()]
    return statistics.median((max(v) - min(v)) / 2 / statistics.median(v) for v in rounds)


def training(
    medians: dict[Any, dict[str, float]], B: int, reference: str = "vaelib_fit"
) -> list[str]:
    Ks = sorted(K for b, K in medians if b == B)
    names = list({name: None for K in Ks for name in medians[B, K]})
    rows = [[f"B = {B}", *(f"K = {K}" for K in Ks)], ["---", *("---:" for _ in Ks)]]
    for name in names:
        cells = []
        for K in Ks:
            images = medians[B, K]
            cells.append(
                f"{images[name]:,.0f} ({images[reference] / images[name]:.2f})"
                if name in images
                else ""
            )
        rows.append([LABELS[name], *cells])
    return [*table(rows), ""]


def gpu(results: dict[str, Any]) -> list[str]:
    if not results["machine"]["gpu"]:
        return ["GPU: none was at hand; no row is invented.", ""]
    medians = {
        (one["B"], one["K"]): {
            name: statistics.median(values) for name, values in one["images"].items()
        }
        for one in results["gpu"]
    }
    tables = [
        line
        for B in sorted({B for B, _ in medians})
        for line in training(medians, B, "vaelib_cuda")
    ]
    return [
        f"GPU: {results['machine']['gpu']}; the same calls, model and data on the card.",
        "",
        *tables,
    ]


def evaluation(found: dict[str, Any], seconds: dict[str, float]) -> list[str]:
    rows = [["", "seconds", "÷ vaelib", "mean log p(x), nats"], ["---", "---:", "---:", "---:"]]
    for name, label in EVALUATORS.items():
        relative = seconds[name] / seconds["vaelib_fit"]
        rows.append(
            [label, f"{seconds[name]:.2f}", f"{relative:.2f}", f"{found['values'][name]:.2f}"]
        )
    return table(rows)


def memory(results: dict[str, Any]) -> list[str]:
    of_K = "; ".join(f"{peak:.0f} MB at K = {K:,}" for K, peak in sorted(results["memory"].items()))
    imports = ", ".join(f"{seconds:.2f}" for seconds in sorted(results["imports"]))
    return [
        f"`log_likelihood` on 100 images takes, beyond model and data, at its peak: {of_K}.",
        f"Importing `vaelib` (models, bounds, evaluation, training) after torch takes, in seconds: {imports}.",
    ]


def growth(points: list[dict[str, Any]]) -> list[str]:
    text = [
        "One step of `fit`: seconds, and the most memory beyond model and data (Adam's moments included).",
        "",
        "![Seconds and memory of a step against K and against B, on logarithmic axes](growth.svg)",
        "",
    ]
    for curve, head in [
        ("K", "K, all at once"),
        ("K in chunks", "K, `chunk=50`"),
        ("B", "B, K = 5"),
    ]:
        mine = [point for point in points if point["curve"] == curve]
        name = "batch_size" if curve == "B" else "K"
        rows = [
            [head, *(f"{point[name]:,}" for point in mine)],
            ["---", *("---:" for _ in mine)],
            ["ms", *(f"{1000 * point['seconds']:.3g}" for point in mine)],
            ["MB", *(f"{point['megabytes']:.0f}" for point in mine)],
        ]
        text += [*table(rows), "", linear(mine, name), ""]
    return text[:-1]


def linear(points: list[dict[str, Any]], name: str) -> str:
    """How the last tenfold of the size compares with ten times the time."""
    last = points[-1]
    first = next(point for point in points if point[name] * 10 >= last[name])
    times = last[name] / first[name]
    ratio = last["seconds"] / first["seconds"]
    return f"From {first[name]:,} to {last[name]:,}, {times:g} times as many: {ratio:.1f} times the seconds."


def table(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    right = [rule.endswith(":") for rule in rows[1]]

    def padded(row: list[str]) -> list[str]:
        columns = zip(row, widths, right, strict=True)
        return [
            cell.rjust(width) if to_the_right else cell.ljust(width)
            for cell, width, to_the_right in columns
        ]

    return [f"| {' | '.join(padded(row))} |" for row in rows]


def plot(points: list[dict[str, Any]], path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "vaelib"
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        2, 2, figsize=(9, 6), layout="constrained", sharex="col", sharey="row"
    )
    styles = {
        "K": ("o-", "all samples at once"),
        "K in chunks": ("s--", "chunk=50"),
        "B": ("o-", "all at once"),
    }
    for curve, (style, label) in styles.items():
        mine = [point for point in points if point["curve"] == curve]
        column = int(curve == "B")
        sizes = [point["batch_size" if curve == "B" else "K"] for point in mine]
        axes[0, column].loglog(
            sizes, [1000 * point["seconds"] for point in mine], style, label=label
        )
        axes[1, column].loglog(
            sizes, [max(point["megabytes"], 0.1) for point in mine], style, label=label
        )
    axes[0, 0].set(ylabel="milliseconds per step", title="B = 20")
    axes[1, 0].set(ylabel="peak memory, MB", xlabel="K, samples for each datum")
    axes[0, 1].set(title="K = 5")
    axes[1, 1].set(xlabel="B, data in a batch")
    axes[0, 0].legend()
    for axis in axes.flat:
        axis.grid(alpha=0.3)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
