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
from vaelib._validate import check_finite, check_number, check_tensor, describe
from vaelib.widgets import frames
from vaelib.widgets.movable import Movable, make_control, make_grid

__all__ = ["latent_walk"]

# A slider has a position for every 0.05.
REACHES = (0.1, 100.0)
WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


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
        reach: the map shows both latents from ``-reach`` to ``reach``, 0.1 to 100.

    Raises:
        TypeError: a decoder with another network, or labels that are no integers.
        ValueError: codes or labels of another shape, codes or weights that are not finite in 32
            bits, labels beyond 0 to 9, another number of latents than two, images that are not
            square, or a reach that is not 0.1 to 100.
    """
    check_tensor(codes, "codes", "N", 2)
    _check_labels(labels, len(codes))
    least, most = REACHES
    reach = check_number(reach, "reach")
    if not least <= reach <= most:
        raise ValueError(f"reach must be {least:g} to {most:g}; got {reach:g}")
    layers = _dense_layers(decoder)
    if (latents := layers[0].in_features) != 2:
        raise ValueError(f"decoder must take two latents; got {latents}")
    pixels = layers[-1].out_features
    side = round(pixels**0.5)
    if side**2 != pixels:
        raise ValueError(f"decoder must make square images; got {pixels} pixels")
    codes = codes.to(layers[0].weight)
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
        "layers": [_encode(layer) for layer in layers],
        "codes": _base64(codes, "codes"),
        "labels": labels.tolist(),
        "names": [
            [label, *codes[labels == label].median(0).values.tolist()]
            for label in labels.unique().tolist()
        ],
    }
    _check_mean(decoder, codes)
    beside = "beside it what the decoder draws at its centre."
    alt = f"A map of digits in two latent dimensions, coloured by label; {beside}"
    still = frames.svg(_draw(decoder, codes, labels, reach))
    return Movable("latent_walk", state, drawn, still, alt)


def _check_labels(labels: Any, count: int) -> None:
    """A digit for each code."""
    if not isinstance(labels, Tensor) or labels.dtype not in WHOLE:
        got = labels.dtype if isinstance(labels, Tensor) else type(labels).__name__
        raise TypeError(f"labels must be a tensor of integers; got {got}")
    if labels.shape != (count,):
        raise ValueError(f"labels must have shape ({count},), as codes; got {describe(labels)}")
    low, high = labels.min().item(), labels.max().item()
    if low < 0 or high > 9:
        raise ValueError(f"labels must be 0 to 9; got {low} to {high}")


def _dense_layers(decoder: Any) -> list[nn.Linear]:
    """The decoder's dense layers, if they and tanh are all there is in its net."""
    net = getattr(decoder, "net", None)
    parts = list(net) if isinstance(net, nn.Sequential) else [net]
    layers = [part for part in parts if isinstance(part, nn.Linear)]
    if [type(part) for part in parts] != [nn.Linear, nn.Tanh] * (len(layers) - 1) + [nn.Linear]:
        got = ", ".join(type(part).__name__ for part in parts)
        wanted = "a net of dense layers with tanh between them"
        raise TypeError(f"decoder must have {wanted}; got {got or 'no layer'}")
    return layers


def _check_mean(decoder: Any, z: Tensor) -> None:
    """The browser runs the decoder's net, so that must give the mean."""
    # The net is called as a whole, as the decoder calls it: layer by layer it may round otherwise.
    expected: Tensor = decoder.net(z)
    mean: Any = getattr(decoder(z), "mean", None)
    fits = isinstance(mean, Tensor) and mean.shape == expected.shape
    if not fits or not torch.allclose(mean, expected):
        got = "another mean" if fits else describe(mean)
        raise TypeError(f"decoder must have its net's output as its mean; got {got}")


def _encode(layer: nn.Linear) -> dict[str, str]:
    """A dense layer as the browser reads it."""
    bias = layer.weight.new_zeros(layer.out_features) if layer.bias is None else layer.bias
    return {"weight": _base64(layer.weight, "decoder"), "bias": _base64(bias, "decoder")}


def _base64(values: Tensor, name: str) -> str:
    numbers = values.detach().cpu().float().contiguous()
    check_finite(numbers, name)
    return b64encode(numbers.numpy().astype("<f4").tobytes()).decode()


def _draw(decoder: nn.Module, codes: Tensor, labels: Tensor, reach: float) -> Figure:
    """The figure's first state, for print."""
    figure = Figure(figsize=(7, 3.7), layout="constrained")
    left, right = figure.subplots(1, 2)
    plotting.latent_map(left, codes, labels)
    left.plot(0, 0, "o", ms=12, mfc="none", mec="black", mew=2)
    left.set(xlim=(-reach, reach), ylim=(-reach, reach))
    plotting.images(right, decoder(torch.zeros(1, 2).to(codes)).mean, columns=1)
    return figure
