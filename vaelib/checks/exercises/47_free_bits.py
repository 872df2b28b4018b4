"""Exercise 4.7: the objective with free bits, from the parts of the bound."""

from torch import Tensor

from vaelib.checks.observing import value_and_gradients
from vaelib.checks.types import Case, Exercise, Slip, randn64, t64

__all__ = ["exercise"]


def _free_bits(reconstruction: Tensor, kl: Tensor, lam: float) -> Tensor:
    kl_mean = kl.mean(0)
    price = kl_mean.clamp(min=lam).sum()
    return reconstruction.mean() - price


def _free_case(reconstruction: list[float], kl: list[list[float]]) -> Case:
    return Case(
        (t64(reconstruction), t64(kl), 0.5),
        f"reconstruction = {reconstruction}, kl = {kl}, λ = 0.5",
    )


def _drawn_case(B: int, Z: int) -> Case:
    args = (randn64(B), 0.3 * randn64(B, Z).exp(), 0.45)
    return Case(args, f"B, Z = {B}, {Z} and λ = 0.45")


PRICE = "kl_mean.clamp(min=lam).sum()"

SLIPS = (
    Slip("nothing-free", {PRICE: "kl_mean.sum()"}),
    Slip("free-bits-per-datum", {"= kl.mean": "= kl.clamp(min=lam).mean"}),
    Slip("free-bits-pooled", {PRICE: "kl_mean.sum().clamp(min=lam)"}),
    Slip("free-bits-pooled", {PRICE: "kl_mean.sum().clamp(min=lam * len(kl_mean))"}),
    Slip("free-bits-pooled", {PRICE: "kl.sum(1).clamp(min=lam).mean()"},
         "So it was in each datum, too."),
    Slip("free-bits-pooled", {PRICE: "kl.sum(1).clamp(min=lam * len(kl_mean)).mean()"},
         "So it was in each datum, too."),
    Slip("min-for-max", {"min=lam": "max=lam"}),
    Slip("surrogate-returned", {"kl_mean.clamp(min=lam)": "(kl_mean - lam).clamp(min=0)"},
         place="free-bits"),
    Slip("surrogate-returned", {"kl_mean.clamp(min=lam)": "(kl_mean * (kl_mean > lam))"},
         "A latent below λ costs λ, not nothing.", place="free-bits"),
    Slip("weight-for-allowance", {PRICE: "lam * kl_mean.sum()"}),
    Slip("wrong-axis", {"kl.mean(0)": "kl.mean(1)"},
         "KL_i is a mean over the data, which are axis 0 of kl."),
    Slip("not-summed", {".sum()": ""}, "Each latent has its price, and they add up."),
    Slip("data-kept", {"reconstruction.mean()": "reconstruction"}),
    Slip("kl-sign", {"- price": "+ price"}),
    Slip("mean-over-latents", {".sum()": ".mean()"}),
    Slip("data-not-averaged", {".mean(0)": ".sum(0)",
                               "reconstruction.mean()": "reconstruction.sum()"}),
    Slip("data-not-averaged", {"reconstruction.mean()": "reconstruction.sum()"},
         "The reconstruction alone grows with B."),
    Slip("data-not-averaged", {".mean(0)": ".sum(0)"}, "The KL alone grows with B."),
    Slip("base-2", {"min=lam": "min=lam * math.log(2)"},
         "In spite of the name λ is in nats; yours is in bits."),
    Slip("base-2", {"min=lam": "min=lam / math.log(2)"},
         "In spite of the name λ is in nats, and needs no factor."),
    Slip("wrongly-detached", {"kl.mean(0)": "kl.mean(0).detach()"},
         "The value is right; nothing holds the KL down."),
    Slip("wrongly-detached", {"reconstruction.mean()": "reconstruction.mean().detach()"},
         "The value is right; the reconstruction gives no gradient."),
    Slip("wrongly-detached",
         {"reconstruction.mean() - price": "(reconstruction.mean() - price).detach()"},
         "The answer has no gradient at all: it is a number, or a tensor without a history."),
    Slip("sign-flipped", {"reconstruction.mean() - price": "price - reconstruction.mean()"}),
)  # fmt: skip

exercise = Exercise(
    solution=_free_bits,
    slips=SLIPS,
    hand=(
        _free_case([-1.0], [[1.0, 0.25]]),
        _free_case([-1.0, -3.0], [[1.5, 0.1], [0.1, 0.2]]),
        _free_case([-1.0], [[5.0, 0.25, 0.25]]),
        _free_case([-1.0], [[0.125, 0.25]]),
    ),
    draw=lambda: [_drawn_case(5, 4), _drawn_case(3, 6)],
    verified="Value and gradients agree with reconstruction minus the sum of max(λ, KL_i), to "
    "five digits.",
    place="free-bits",
    observe=value_and_gradients("reconstruction", "kl"),
)
