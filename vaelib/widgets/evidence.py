"""The evidence, which does not move, and the bounds below it, which do."""

from __future__ import annotations

from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.distributions import Distribution, Normal, kl_divergence

from vaelib import plotting
from vaelib._validate import (
    check_data,
    check_integer,
    check_seed,
    check_tensor,
    describe,
    quote,
)
from vaelib.widgets import frames
from vaelib.widgets.movable import Movable, make_control, make_grid

__all__ = ["evidence"]

# The page holds a number for each, and draws all of them whenever a slider moves.
MAX_SAMPLES = 4096


def evidence(model: Any, x: Tensor, *, K: int = 256, seed: int = 0) -> Movable:
    r"""The evidence, which does not move, and the bounds, which do, computed in the browser.

    One datum and a model whose posterior :math:`\mathcal{N}(m, s_p^2)` is known. The reader drags
    the mean and the width of :math:`q` and chooses :math:`K`; the page shows
    :math:`p(z \mid x)`, :math:`q`, the weights of :math:`K` draws, and on one axis
    :math:`\log p(x)`, :math:`\mathcal{L}_K` (exact, by quadrature), the ELBO, and its gap.

    Args:
        model: has ``log_evidence(x)`` and a normal ``posterior(x)`` with one latent, such as
            :class:`~vaelib.latent.LinearGaussian`.
        x: one datum, shape ``(1, X)``.
        K: the most samples that the reader can choose, at most 4096; the choices are 1, 2, 4, and
            so on.
        seed: of the noise that the draws are made from.

    Raises:
        TypeError: a model without a known evidence or posterior, or a seed that is no integer.
        ValueError: more than one datum, an evidence that is not finite, a posterior with more than
            one latent or beyond the figure's axes (its mean from -1 to 3, its standard deviation
            from 0.7 to 1.25), or a K that is not 1 to 4096.
    """
    if check_integer(K, "K") > MAX_SAMPLES:
        raise ValueError(f"K must be at most {MAX_SAMPLES}; got {quote(K)}")
    check_seed(seed)
    check_data(x)
    posterior = _call(model, "posterior", x)
    if not isinstance(posterior, Distribution):
        got = describe(posterior)
        raise TypeError(f"model.posterior(x) must return a distribution; got {got}")
    if (shape := tuple(posterior.mean.shape)) != (1, 1):
        wanted = "one datum with one latent, shape (1, 1)"
        raise ValueError(f"x and model must give {wanted}; got {shape}")
    m, s = posterior.mean.item(), posterior.variance.sqrt().item()
    log_p = check_tensor(_call(model, "log_evidence", x), "model.log_evidence(x)", 1).item()
    if not (-1 <= m <= 3 and 0.7 <= s <= 1.25):
        wanted = "mean -1 to 3 and std 0.7 to 1.25, to fit the axes"
        raise ValueError(f"the posterior must have {wanted}; got {m:.3g}, {s:.3g}")
    proxies = {
        "Poor": (m - 2.1 * s, 2 * s),
        "Better": (m - 0.5 * s, 1.3 * s),
        "Exact": (m, s),
        "Too narrow": (m, s / 2),
    }
    means = sorted({*make_grid(-4, 4, 0.05), *(mean for mean, _ in proxies.values())})
    stds = sorted({*make_grid(0.35, 2.5, 0.05), *(std for _, std in proxies.values())})
    samples = [2**i for i in range(K.bit_length())]
    mean, std = proxies["Poor"]
    generator = torch.Generator().manual_seed(seed)
    state = {
        "controls": [
            make_control("mean", "mean of q", means, mean, digits=2),
            make_control("std", "standard deviation of q", stds, std, digits=2),
            make_control("K", "samples K", samples, samples[min(2, len(samples) - 1)]),
        ],
        "presets": {
            name: {"mean": means.index(mean), "std": stds.index(std)}
            for name, (mean, std) in proxies.items()
        },
        "size": [700, 300],
        "colors": plotting.COLORS,
        "mean": m,
        "std": s,
        "log_p": log_p,
        "noise": torch.randn(K, generator=generator, dtype=torch.float64).tolist(),
    }
    still = _draw(Normal(m, s), Normal(mean, std), log_p)
    below = f"on an axis of nats log p(x) = {log_p:.2f} and the bounds below."
    alt = f"The posterior and a poor proxy beside it; {below}"
    return Movable("evidence", state, {}, frames.svg(still), alt)


def _call(model: Any, name: str, x: Tensor) -> Any:
    """What a solved model says of the data."""
    method = getattr(model, name, None)
    if not callable(method):
        wanted = f"{name}(x), as LinearGaussian has it"
        raise TypeError(f"model must have a method {wanted}; got {describe(model)}")
    return method(x)


def _draw(posterior: Normal, q: Normal, log_p: float) -> Figure:
    """The figure's first state, for print."""
    figure = Figure(figsize=(7, 3), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 1))
    z = torch.linspace(-4, 4, 401)
    plotting.density(left, z, posterior.log_prob(z).exp(), "posterior", r"$p(z \mid x)$")
    plotting.density(left, z, q.log_prob(z).exp(), "proxy", "$q$")
    left.set(xlabel="latent $z$", yticks=[], ylim=(0, 1.25))
    left.legend()
    elbo = log_p - kl_divergence(q, posterior).item()
    plotting.exact(right, log_p, label=r"$\log p(x)$")
    right.plot([0, 1], [elbo, elbo], color=plotting.COLORS["proxy"], label="ELBO")
    right.set(xticks=[], ylabel="nats", ylim=(log_p - 4.5, log_p + 0.5))
    right.legend()
    return figure
