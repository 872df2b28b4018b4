"""A walk through a two-dimensional latent space, whose decoder runs in the reader's browser."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import torch
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from torch import Tensor, nn

from vaelib import plotting
from vaelib._validate import check_number, describe
from vaelib.widgets import frames
from vaelib.widgets.movable import Movable, make_control, make_grid

__all__ = ["latent_walk"]


def latent_walk(
    decoder: nn.Module, codes: Tensor, labels: Tensor, *, reach: float = 4.0
) -> Movable:
    """A walk through a two-dimensional latent space: the decoder runs in the reader's browser.

    It computes in 32-bit numbers.

    Args:
        decoder: its ``net`` is dense layers with tanh between them, and gives the mean of square
            images, such as :class:`~vaelib.proxies.GaussianDecoder` with its default network.
        codes: where the encoder puts labelled data, shape ``(N, 2)``: the map beneath, as far as
            it reaches.
        labels: integers from 0 to 9, shape ``(N,)``.
        reach: the map shows both latents from ``-reach`` to ``reach``.

    Raises:
        TypeError: a decoder with another network.
        ValueError: codes of another shape, images that are not square, or a reach that is not
            positive.
    """
    if codes.ndim != 2 or codes.shape[1] != 2 or len(labels) != len(codes):
        got = f"{describe(codes)}, {describe(labels)}"
        raise ValueError(f"codes must have shape (N, 2), labels (N,); got {got}")
    check_number(reach, "reach")
    layers = _dense_layers(decoder, codes)
    pixels = layers[-1].out_features
    side = round(pixels**0.5)
    if side**2 != pixels:
        raise ValueError(f"decoder must make square images; got {pixels} pixels")
    grid = make_grid(-reach, reach, 0.05)
    centre = grid[len(grid) // 2]
    state = {
        "controls": [
            make_control("z1", "z₁", grid, centre, digits=2),
            make_control("z2", "z₂", grid, centre, digits=2),
        ],
        "size": [700, 370],
        "colors": [to_hex(colormaps["tab10"](i)) for i in range(10)],
        "side": side,
        "reach": reach,
    }
    drawn = {
        "layers": [
            {"weight": _base64(layer.weight), "bias": _base64(layer.bias)} for layer in layers
        ],
        "codes": _base64(codes),
        "labels": labels.tolist(),
        "names": [
            [label, *codes[labels == label].median(0).values.tolist()]
            for label in labels.unique().tolist()
        ],
    }
    beside = "beside it what the decoder draws at its centre."
    alt = f"A map of digits in two latent dimensions, coloured by label; {beside}"
    still = frames.svg(_draw(decoder, codes, labels, reach))
    return Movable("latent_walk", state, drawn, still, alt)


def _dense_layers(decoder: nn.Module, z: Tensor) -> list[nn.Linear]:
    """The decoder's dense layers, if they and tanh are all there is between z and its mean."""
    whole: Any = getattr(decoder, "net", [])
    net = list(whole)
    layers = [layer for layer in net if isinstance(layer, nn.Linear)]
    if [type(layer) for layer in net] != [nn.Linear, nn.Tanh] * (len(layers) - 1) + [nn.Linear]:
        wanted = "a net of dense layers with tanh between them"
        raise TypeError(f"decoder must have {wanted}; got {net or type(decoder)}")
    # The net is called as a whole, as the decoder calls it: layer by layer it may round otherwise.
    if not torch.allclose(decoder(z).mean, whole(z)):
        raise TypeError("decoder must have its net's output as its mean; got another mean")
    return layers


def _base64(values: Tensor) -> str:
    numbers = values.detach().cpu().float().contiguous().numpy()
    return b64encode(numbers.astype("<f4").tobytes()).decode()


def _draw(decoder: nn.Module, codes: Tensor, labels: Tensor, reach: float) -> Figure:
    """The figure's first state, for print."""
    figure = Figure(figsize=(7, 3.7), layout="constrained")
    left, right = figure.subplots(1, 2)
    plotting.latent_map(left, codes, labels)
    left.plot(0, 0, "o", ms=12, mfc="none", mec="black", mew=2)
    left.set(xlim=(-reach, reach), ylim=(-reach, reach))
    plotting.images(right, decoder(torch.zeros(1, 2).to(codes)).mean, columns=1)
    return figure
