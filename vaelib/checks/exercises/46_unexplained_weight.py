"""Exercise 4.6: the noise level that hides in a weight of the KL, and its effect on the latents."""

import torch
from torch import Tensor

from vaelib.checks.observing import named_values
from vaelib.checks.types import Case, Exercise, Slip, t64

__all__ = ["exercise"]


def _unexplained_weight(w: Tensor, lam: Tensor) -> tuple[Tensor, ...]:
    variance = w * len(lam) / 2
    sigma_dec = variance.sqrt()
    squared_lengths = (lam - variance).clamp(min=0)
    return sigma_dec, squared_lengths


def _weight_case(w: float, *lam: float) -> Case:
    said = f"w = {w:g}, λ = [{', '.join(f'{n:g}' for n in lam)}]"
    return Case((t64(w), t64(lam)), said)


SLIPS = (
    Slip("half-missing", {" / 2": ""}, "A Gaussian divides the squared error by 2σ²."),
    Slip("mean-read-as-sum", {" * len(lam)": ""}),
    Slip("variance-for-sigma", {"return sigma_dec,": "return variance,"},
         "σ_dec² was returned, not σ_dec."),
    Slip("sigma-for-variance", {"lam - variance": "lam - sigma_dec"},
         "σ_dec was taken from λ, which is a variance."),
    Slip("weight-upside-down", {"= w": "= 1 / w"}),
    Slip("weight-upside-down", {"w * len(lam)": "1 / w / len(lam)"}),
    Slip("mean-divided-twice", {" * len(lam)": " / len(lam)"}),
    Slip("negative-length", {".clamp(min=0)": ""}),
    Slip("noise-as-signal", {"(lam - variance).clamp(min=0)": "lam * (lam > variance)"}),
    Slip("noise-as-signal", {"(lam - variance).clamp(min=0)": "lam"}),
    Slip("length-not-squared", {".clamp(min=0)": ".clamp(min=0).sqrt()"}),
    Slip("squared-twice", {".clamp(min=0)": ".clamp(min=0).square()"},
         "λ − σ² is the squared length."),
    Slip("squared-twice", {"lam - variance": "lam**2 - variance"},
         "An eigenvalue λ of a covariance is a variance."),
    Slip("squared-twice", {"variance.sqrt()": "variance", "lam - variance": "lam - sigma_dec**2"},
         "wX/2 is σ_dec² already; what was taken from λ is σ_dec⁴."),
    Slip("numbers-of-the-example", {"len(lam)": "12_288"}, "X is the number of eigenvalues."),
    Slip("numbers-of-the-example", {"= w": "= torch.tensor(0.00025)"}, "The function gets its w."),
    Slip("numbers-of-the-example", {"= w * len(lam)": "= torch.tensor(0.00025) * 12_288"},
         "The function gets its w and X."),
    Slip("numbers-of-the-example", {"lam - variance": "lam - len(lam) / 2"},
         "The columns are those for w = 1."),
    Slip("order-swapped", {"sigma_dec, squared_lengths": "squared_lengths, sigma_dec"},
         place="beta"),
)  # fmt: skip

exercise = Exercise(
    solution=_unexplained_weight,
    slips=SLIPS,
    hand=(_weight_case(0.5, 4, 1), _weight_case(2, 4, 1), _weight_case(0.5, 5, 3, 1, 0.5)),
    draw=lambda: [
        _weight_case(torch.rand(()).item(), *torch.randn(6).exp().tolist()) for _ in range(2)
    ],
    verified="σ_dec and the squared lengths agree with the closed forms, to five digits.",
    place="beta",
    observe=named_values("σ_dec", "tensor of squared lengths"),
)
