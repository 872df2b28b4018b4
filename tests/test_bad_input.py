"""Bad calls of everything public: each is refused with the name of the argument, what it got and what it wants."""

import importlib
import inspect
import math
import re

import numpy as np
import pytest
import torch
from oracles import t64
from torch import nn
from torch.distributions import HalfNormal, Independent, Normal

from vaelib.data import FreshPixels, digits, fashion_mnist, mnist, two_moons
from vaelib.elbo import elbo, elbo_kl, elbo_score, elbo_stl, log_weights
from vaelib.annealing import ais
from vaelib.evaluate import active_units, interpolate, log_likelihood, reconstruct
from vaelib.ledger import gap_ledger
from vaelib.iwae import effective_sample_size, iwae, iwae_dreg, normalized_weights
from vaelib.jensen import jensen_gap, log_mean_exp
from vaelib.latent import (
    GaussianMixture,
    LatentVariableModel,
    LinearGaussian,
    StandardNormal,
    fit_ppca,
    simple_monte_carlo,
)
from vaelib.proxies import (
    BernoulliDecoder,
    CategoricalDecoder,
    FreeGaussian,
    GaussianDecoder,
    GaussianEncoder,
)
from vaelib.train import fit

MODULES = ["latent", "proxies", "jensen", "elbo", "iwae", "evaluate", "annealing", "ledger", "data"]
# Nobody calls them: one says how a model should be, one is what gap_ledger returns; and the last has no arguments.
NOT_CALLED = {"Model", "Model.log_joint", "Model.prior", "GapLedger", "binarized_mnist"}
# What bounds call with what they have checked.
NOT_CALLED |= {"log_path_density", "estimate_log_evidence", "estimate_standard_error"}
NO_COUNT = [0, -1, 2.5, True, "5", None]
NO_TENSOR = [[[0.0, 0.0, 0.0]], np.zeros((4, 3)), None]
NAN, INF = math.nan, math.inf
F64, INT, COMPLEX = torch.float64, torch.int64, torch.complex64


# What is called well


def data(*shape, **more):
    """Zeros of shape (4, 3), or of another one."""
    return torch.zeros(shape or (4, 3), **more)


def x_with(value):
    x = data()
    x[2, 1] = value
    return x


def solved():
    """float64, X = 3, Z = 2."""
    return LinearGaussian(t64([[1.0, 0.5], [-0.3, 0.8], [0.2, -1.1]]), t64([0.0, 0.0, 0.0]), 0.7)


def mixture():
    """float64, X = 3, C = 2."""
    return GaussianMixture(t64([0.0, 0.0]), t64([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]), 1.0)


def vae(prior=None, decoder=None):
    """float32, X = 3, Z = 2."""
    return LatentVariableModel(prior or StandardNormal(2), decoder or GaussianDecoder(2, 3, (4,)))


def encoder():
    """float32, X = 3, Z = 2."""
    return GaussianEncoder(3, 2, (4,))


def returns(what):
    """A prior, a decoder, an encoder or a net that returns what it is told, whatever it is given."""
    module = nn.Module()
    module.forward = lambda *given: what
    return module


class Model:
    """A model that has just the two methods, of which log_joint returns what it is told."""

    def __init__(self, log_joint):
        self.log_joint = lambda x, z: log_joint(z)
        self.prior = StandardNormal(2)


class NoPrior:
    def log_joint(self, x, z):
        return z.sum(-1)


def normal(*shape, event=1):
    return Independent(Normal(torch.zeros(shape), 1.0), event)


# Rows of the table


def row(name, what, call, message):
    # Without addresses, which differ from one test process to the next.
    return pytest.param(
        call, message, id=re.sub(r" (of type object )?at 0x[0-9a-f]+", "", f"{name}: {what}")
    )


def counts(name, argument, call, values=NO_COUNT):
    """Rows for what is no positive integer."""
    for value in values:
        message = rf"{argument} must be .*integer.*got {value!r}"
        yield row(name, f"{argument}={value!r}", lambda value=value: call(value), message)


def no_tensors(name, argument, call):
    for value in NO_TENSOR:
        kind = type(value).__name__
        yield row(
            name,
            f"{argument} a {kind}",
            lambda value=value: call(value),
            rf"{argument} must .*got {kind}",
        )


def shapes(name, wanted, call, *wrong):
    """Rows for zeros of the wrong shapes; `wanted` begins the message."""
    for shape in wrong:
        got = rf"{wanted}.*got.* \({', '.join(map(str, shape))}{',' * (len(shape) == 1)}\)"
        what = f"{wanted.split()[0]} of shape {shape}"
        yield row(
            name, what, lambda shape=shape: call(data(*shape) if shape else torch.tensor(0.0)), got
        )


def kinds(name, call, argument="x"):
    """Rows for data of another type or on another device than a float32 model, and for those that are not finite."""
    for dtype in (F64, INT, COMPLEX):
        wrong = rf"{argument} must be .*(float|real).*got .*{str(dtype).removeprefix('torch.')}"
        yield row(
            name, f"{argument} of {dtype}", lambda dtype=dtype: call(data(dtype=dtype)), wrong
        )
    if name == "fit":
        return  # it moves the data to where the parameters are
    device = rf"{argument} must be .*cpu.*got .*meta"
    yield row(name, f"{argument} on another device", lambda: call(data(device="meta")), device)


def not_finite(name, call, argument="x"):
    for value in (NAN, INF, -INF):
        message = f"{argument} must be finite.*holds an infinity or not-a-number"
        yield row(
            name, f"{argument} with {value}", lambda value=value: call(x_with(value)), message
        )


def rows_of_latent():
    yield from counts("StandardNormal", "latent_dim", StandardNormal)
    z_wanted = r"z must have shape \(\*, 2\)"
    yield from shapes(
        "StandardNormal", z_wanted, lambda z: StandardNormal(2)().log_prob(z), (4, 3), ()
    )
    yield from no_tensors("StandardNormal", "z", lambda z: StandardNormal(2)().log_prob(z))

    name = "LatentVariableModel"
    prior, message = StandardNormal(2), "must be a module that returns a distribution; got"
    yield row(
        name, "no prior", lambda: LatentVariableModel(None, prior), f"prior {message} NoneType"
    )
    yield row(
        name,
        "a prior already called",
        lambda: LatentVariableModel(prior(), prior),
        f"prior {message}",
    )
    yield row(
        name,
        "a tensor for a decoder",
        lambda: LatentVariableModel(prior, data()),
        f"decoder {message} Tensor",
    )

    name, z = "LatentVariableModel.log_joint", data(5, 4, 2)
    pair = r"x must have shape \(B, X\) and z \(\*, B, Z\), B at least 1"
    yield from shapes(
        name, pair, lambda x: vae().log_joint(x, data(5, *x.shape[:1], 2)), (3,), (0, 3)
    )
    yield from shapes(name, pair, lambda x: vae().log_joint(x, z), (5, 3))
    yield from shapes(name, r"x must have shape \(B, 3\)", lambda x: vae().log_joint(x, z), (4, 7))
    yield from shapes(name, z_wanted, lambda z: vae().log_joint(data(), z), (5, 4, 3), (), (0,))
    yield from no_tensors(name, "x", lambda x: vae().log_joint(x, z))
    yield from no_tensors(name, "z", lambda z: vae().log_joint(data(), z))
    yield from kinds(name, lambda x: vae().log_joint(x, z))
    yield from kinds(name, lambda x: vae().log_joint(x.real, x[..., :2]), "z")
    yield from not_finite(name, lambda x: vae().log_joint(x, z))
    infinite = solved().log_joint, x_with(INF).double(), z.double()
    yield row(name, "x infinite, solved", lambda: infinite[0](*infinite[1:]), "x must be finite")
    yield row(
        name,
        "z not one-hot",
        lambda: mixture().log_joint(data(4, 3).double(), z.double()),
        r"z must lie in the support of the prior: .*OneHot\(\)",
    )
    no = "must be torch.float64 .*; got torch.float32"
    yield row(
        name, "x float32, model float64", lambda: solved().log_joint(data(), z.double()), f"x {no}"
    )
    yield row(
        name,
        "z float32, model float64",
        lambda: solved().log_joint(data(dtype=F64), z),
        f"z {no}",
    )
    for what, wrong in {
        "a tensor": (data(5, 4, 3), "decoder must return a torch Distribution; got Tensor"),
        "None": (None, "decoder must return a torch Distribution; got NoneType"),
        "no event": (
            normal(5, 4, 3, event=0),
            r"decoder must return one distribution per z, \(5, 4\); got \(5, 4, 3\)",
        ),
        "one for all": (
            normal(3),
            r"decoder must return one distribution per z, \(5, 4\); got \(\)",
        ),
        "another event": (normal(5, 4, 7), r"x must have shape \(B, 7\); got \(4, 3\)"),
    }.items():
        model = vae(decoder=returns(wrong[0]))
        yield row(
            name,
            f"decoder returns {what}",
            lambda model=model: model.log_joint(data(), z),
            wrong[1],
        )
    for what, wrong in {
        "a tensor": (data(2), "prior must return a torch Distribution; got Tensor"),
        "no event": (
            normal(2, event=0),
            r"prior must return one distribution, batch shape \(\); got \(2,\)",
        ),
    }.items():
        model = vae(prior=returns(wrong[0]))
        yield row(
            name, f"prior returns {what}", lambda model=model: model.log_joint(data(), z), wrong[1]
        )
        yield row(
            "LatentVariableModel.sample",
            f"prior returns {what}",
            lambda model=model: model.sample(2),
            wrong[1],
        )

    yield from counts("LatentVariableModel.sample", "n", vae().sample)
    tensor = vae(decoder=returns(data(2, 3)))
    message = "decoder must return a torch Distribution; got Tensor"
    yield row(
        "LatentVariableModel.sample", "decoder returns a tensor", lambda: tensor.sample(2), message
    )
    message = r"z must have shape \(\*, 3\); got \(2, 2\)"
    unfit = vae(decoder=GaussianDecoder(3, 3))
    yield row(
        "LatentVariableModel.sample", "prior and decoder of two Z", lambda: unfit.sample(2), message
    )

    name, weight, bias = "LinearGaussian", data(3, 2), data(3)
    yield from shapes(
        name,
        r"weight must have shape \(X, Z\)",
        lambda w: LinearGaussian(w, bias, 1.0),
        (3,),
        (3, 0),
    )
    yield from shapes(
        name, r"bias must have shape \(3,\)", lambda b: LinearGaussian(weight, b, 1.0), (2,), (3, 1)
    )
    yield from no_tensors(name, "weight", lambda w: LinearGaussian(w, bias, 1.0))
    yield from no_tensors(name, "bias", lambda b: LinearGaussian(weight, b, 1.0))
    yield from not_finite(name, lambda w: LinearGaussian(w, data(4), 1.0), "weight")
    integer = "weight must be floating point; got torch.int64"
    yield row(name, "weight of integers", lambda: LinearGaussian(weight.long(), bias, 1.0), integer)
    two = "bias must be torch.float32 on cpu; got torch.float64"
    yield row(name, "two precisions", lambda: LinearGaussian(weight, bias.double(), 1.0), two)
    for sigma in (0.0, -1.0, NAN, INF, True, "1", None, [1.0], 1j):
        message = "sigma must be one positive, finite number; got"
        yield row(
            name,
            f"sigma={sigma!r}",
            lambda sigma=sigma: LinearGaussian(weight, bias, sigma),
            message,
        )
        yield row(
            "fit_ppca", f"sigma={sigma!r}", lambda s=sigma: fit_ppca(data(), 1, s or 0), message
        )
        yield row(
            "GaussianMixture",
            f"sigma={sigma!r}",
            lambda s=sigma: GaussianMixture(bias, data(3, 1), s),
            message,
        )
    wanted = z_wanted + r"; got \(4, 3\)"
    yield row(name, "z of 3 in the decoder", lambda: solved().decoder(data(dtype=F64)), wanted)
    yield row(
        name,
        "x a list",
        lambda: solved().decoder(data(4, 2, dtype=F64)).log_prob([0.0]),
        "x must be a tensor of real numbers; got list",
    )
    yield row(
        name,
        "sigma of shape (3,)",
        lambda: LinearGaussian(weight, bias, bias + 1),
        "sigma must be one positive",
    )

    name, means = "GaussianMixture", data(3, 2)
    yield from shapes(
        name,
        r"logits must have shape \(C,\)",
        lambda c: GaussianMixture(c, means, 1.0),
        (3, 1),
        (0,),
    )
    wanted = r"means must have shape \(3, X\)"
    yield from shapes(
        name, wanted, lambda means: GaussianMixture(data(3), means, 1.0), (2, 2), (3,), (3, 0)
    )
    yield from no_tensors(name, "logits", lambda logits: GaussianMixture(logits, means, 1.0))
    yield from no_tensors(name, "means", lambda means: GaussianMixture(data(3), means, 1.0))
    yield from not_finite(name, lambda means: GaussianMixture(data(4), means, 1.0), "means")
    two = "means must be torch.float32 on cpu; got torch.float64"
    yield row(name, "two precisions", lambda: GaussianMixture(data(3), means.double(), 1.0), two)

    for model in (solved, mixture):
        for method in ("log_evidence", "posterior"):
            name, call = f"{model().__class__.__name__}.{method}", getattr(model(), method)
            yield from shapes(
                name, r"x must have shape \(B, 3\)", call, (3,), (4, 2), (0, 3), (1, 4, 3)
            )
            yield from no_tensors(name, "x", call)
            yield from not_finite(name, lambda x, call=call: call(x.double()))
            for dtype in (torch.float32, INT, COMPLEX):
                message = f"x must be torch.float64 on cpu; got {dtype} on cpu"
                yield row(
                    name, f"x of {dtype}", lambda d=dtype, call=call: call(data(dtype=d)), message
                )
            message = "x must be torch.float64 on cpu; got torch.float64 on meta"
            far = data(dtype=F64, device="meta")
            yield row(name, "x on another device", lambda far=far, call=call: call(far), message)

    name = "fit_ppca"
    yield from shapes(
        name,
        r"x must have shape \(N, X\)",
        lambda x: fit_ppca(x, 1),
        (3,),
        (0, 3),
        (3, 0),
        (2, 2, 2),
    )
    yield from no_tensors(name, "x", lambda x: fit_ppca(x, 1))
    yield from not_finite(name, lambda x: fit_ppca(x, 1))
    yield from counts(
        name, "latent_dim", lambda latent_dim: fit_ppca(torch.randn(9, 3), latent_dim)
    )
    yield row(
        name,
        "integers",
        lambda: fit_ppca(data(dtype=INT), 1),
        "x must be floating point; got torch.int64",
    )
    yield row(name, "Z = X", lambda: fit_ppca(data(), 3), "latent_dim must be at most 2 .*; got 3")
    yield row(
        name,
        "no variance",
        lambda: fit_ppca(data(), 1),
        "x has no variance left .* give a positive sigma",
    )

    name = "simple_monte_carlo"
    yield from shapes(
        name,
        r"x must be .* shape \(B, X\)",
        lambda x: simple_monte_carlo(vae(), x, 2),
        (3,),
        (0, 3),
    )
    yield from shapes(
        name, r"x must have shape \(B, 3\)", lambda x: simple_monte_carlo(vae(), x, 2), (4, 7)
    )
    yield from no_tensors(name, "x", lambda x: simple_monte_carlo(vae(), x, 2))
    yield from kinds(name, lambda x: simple_monte_carlo(vae(), x, 2))
    yield from not_finite(name, lambda x: simple_monte_carlo(vae(), x, 2))
    yield from counts(name, "K", lambda K: simple_monte_carlo(vae(), data(), K))
    yield from counts(name, "chunk", lambda chunk: simple_monte_carlo(vae(), data(), 2, chunk))
    yield from no_models(name, lambda model: simple_monte_carlo(model, data(), 2))


def no_models(name, call):
    """Rows for models that do not keep the protocol."""
    for model in (None, nn.Linear(3, 2), "vae"):
        message = rf"model must have log_joint\(x, z\) and prior\(\); got {type(model).__name__}"
        yield row(name, f"model a {type(model).__name__}", lambda model=model: call(model), message)
    for what, log_joint, got in [
        ("None", lambda z: None, "NoneType"),
        ("a number", lambda z: z.sum(), r"\(\)"),
        ("every dimension", lambda z: z, r"\(\d+, 4, 2\)"),
        ("one per datum", lambda z: z.sum(-1).mean(0), r"\(4,\)"),
    ]:
        message = rf"model.log_joint must return shape \(K, B\), \(\d+, 4\); got {got}"
        yield row(name, f"log_joint returns {what}", lambda f=log_joint: call(Model(f)), message)


def rows_of_proxies():
    makes = {
        "GaussianEncoder": lambda **more: GaussianEncoder(
            **{"data_dim": 3, "latent_dim": 2, **more}
        ),
        "GaussianDecoder": lambda **more: GaussianDecoder(
            **{"latent_dim": 3, "data_dim": 4, **more}
        ),
        "BernoulliDecoder": lambda **more: BernoulliDecoder(
            **{"latent_dim": 3, "data_dim": 4, **more}
        ),
        "CategoricalDecoder": lambda **more: CategoricalDecoder(
            **{"latent_dim": 3, "length": 2, "alphabet": 2, **more}
        ),
    }
    for name, make in makes.items():
        for argument in (
            ("length", "alphabet") if name == "CategoricalDecoder" else ("data_dim", "latent_dim")
        ):
            yield from counts(
                name, argument, lambda value, a=argument, make=make: make(**{a: value})
            )
        yield from counts(name, "hidden", lambda width, make=make: make(hidden=(4, width)))
        message = "hidden must be the widths of the layers.*got 4"
        yield row(name, "hidden=4", lambda make=make: make(hidden=4), message)
        for activation in (nn.Tanh(), torch.tanh, "tanh", None):
            message = "activation must be a class of module, such as nn.Tanh; got"
            yield row(
                name,
                f"activation={activation}",
                lambda m=make, a=activation: m(activation=a),
                message,
            )
        yield row(
            name,
            "net no module",
            lambda make=make: make(net=data()),
            "net must be a module; got Tensor",
        )
        argument = "x" if name == "GaussianEncoder" else "z"
        wanted = argument + (
            r" must have shape \(B, 3\)" if argument == "x" else r" must have shape \(\*, 3\)"
        )
        yield from shapes(
            name, wanted, make(), (4, 2), (), *([(3,), (0, 3)] if argument == "x" else [])
        )
        yield from no_tensors(name, argument, make())
        yield from kinds(name, make(), argument)
        for what, out, got in [
            ("None", None, "NoneType"),
            ("a tuple", (data(),), "tuple"),
            ("another width", data(4, 5), r"\(4, 5\)"),
            ("one row", data(4), r"\(4,\)"),
        ]:
            net, message = (
                make(net=returns(out)),
                rf"net must return shape \(4, 4\) here; got {got}",
            )
            yield row(name, f"net returns {what}", lambda net=net: net(data()), message)

    yield from not_finite("GaussianEncoder", encoder())
    name = "GaussianDecoder"
    for sigma in (0, -1.0, NAN, INF, True, "1", None, [1.0], 1j, torch.ones(2)):
        message = "sigma_dec must be one positive, finite number; got"
        yield row(
            name,
            f"sigma_dec={sigma!r}",
            lambda sigma=sigma: GaussianDecoder(2, 3, sigma_dec=sigma),
            message,
        )
    yield from not_finite(name, GaussianDecoder(2, 3)(data(4, 2)).log_prob)
    pixels, symbols = BernoulliDecoder(2, 3), CategoricalDecoder(2, 3, 4)
    for decoder, x, message in (
        (pixels, x_with(0.5), r"x must hold binary pixels.*got the grey value 0\.5"),
        (symbols, x_with(4), "x must hold integers from 0 to 3.*got 4"),
    ):
        check = f"{type(decoder).__name__}.check_data"
        yield row(check, "foreign values", lambda d=decoder, x=x: d.check_data(x), message)
        model = vae(None, decoder)
        name = "LatentVariableModel.check_data"
        yield row(name, check, lambda m=model, x=x: m.check_data(x), message)
    name = "GaussianDecoder"
    wanted = "x must be torch.float32 for this likelihood; got torch."
    for dtype in (F64, INT, torch.bool):
        wrong = data(dtype=dtype)
        p = GaussianDecoder(2, 3)(data(4, 2))
        yield row(name, f"log_prob at {dtype}", lambda p=p, wrong=wrong: p.log_prob(wrong), wanted)
    for name, p in {
        "GaussianEncoder": GaussianEncoder(3, 3)(data()),
        "GaussianDecoder": GaussianDecoder(2, 3)(data(4, 2)),
        "BernoulliDecoder": BernoulliDecoder(2, 3)(data(4, 2)),
        "CategoricalDecoder": CategoricalDecoder(2, 3, 4)(data(4, 2)),
    }.items():
        yield from shapes(f"{name}()", r"value must have shape \(\*, 3\)", p.log_prob, (4, 2), ())
        argument = "z" if name == "GaussianEncoder" else "x"
        yield from no_tensors(name, argument, p.log_prob)
        complex_, far = data(dtype=COMPLEX), data(device="meta")
        message = f"{argument} must be a tensor of real numbers; got torch.complex64"
        yield row(
            name, "log_prob at complex", lambda p=p, value=complex_: p.log_prob(value), message
        )
        message = f"{argument} must be on cpu; got one on meta"
        yield row(
            name, "log_prob on another device", lambda p=p, value=far: p.log_prob(value), message
        )
    p = BernoulliDecoder(2, 3)(data(4, 2))
    for pixel in (0.5, -1.0, NAN, INF):
        message = f"x must hold binary pixels, 0 or 1.*got the grey value {pixel:g}"
        yield row(
            "BernoulliDecoder",
            f"pixel {pixel}",
            lambda pixel=pixel: p.log_prob(x_with(pixel)),
            message,
        )
    q = CategoricalDecoder(2, 3, 4)(data(4, 2))
    for symbol in (-1.0, 4.0, 0.5, NAN, INF):
        message = f"x must hold integers from 0 to 3.*got {symbol}"
        yield row(
            "CategoricalDecoder",
            f"symbol {symbol}",
            lambda symbol=symbol: q.log_prob(x_with(symbol)),
            message,
        )

    name, free = "FreeGaussian", FreeGaussian(4, 2)
    yield from counts(name, "num_data", lambda n: FreeGaussian(n, 2))
    yield from counts(name, "latent_dim", lambda n: FreeGaussian(4, n))
    yield from shapes(name, "x must hold all 4 data of this FreeGaussian", free, (3, 3), (0, 3), ())
    yield from no_tensors(name, "x", free)


def rows_of_jensen_and_of_weights():
    for function in (log_mean_exp, jensen_gap, normalized_weights, effective_sample_size):
        name = function.__name__
        yield from no_tensors(name, "log_w", function)
        for dtype in (INT, COMPLEX, torch.bool):
            wrong, message = (
                data(dtype=dtype),
                f"log_w must be a tensor of floating point; got {dtype}",
            )
            yield row(name, str(dtype), lambda f=function, wrong=wrong: f(wrong), message)
        yield from shapes(
            name, "log_w must have at least one sample along dim 0", function, (), (0, 3)
        )
        for dim in (0.0, "0", None, True, (0, 1)):
            message = rf"dim must be an integer; got {dim!r}".replace("(", r"\(").replace(
                ")", r"\)"
            )
            yield row(name, f"dim={dim!r}", lambda f=function, dim=dim: f(data(), dim), message)
        for dim in (2, -3):
            message = rf"log_w must have at least one sample along dim {dim}; got shape \(4, 3\)"
            yield row(name, f"dim={dim}", lambda f=function, dim=dim: f(data(), dim), message)


def no_encoders(name, call):
    """Rows for encoders that do not keep the protocol, and for those that do not fit the model."""
    for q in (None, data(), "posterior"):
        kind = type(q).__name__
        yield row(
            name, f"q a {kind}", lambda q=q: call(q), f"q must be called with x.*; got {kind}"
        )
    message = "q must return a torch Distribution; got"
    yield row(name, "q returns a tensor", lambda: call(nn.Linear(3, 2)), f"{message} Tensor")
    yield row(name, "q returns None", lambda: call(lambda x: None), f"{message} NoneType")
    message = r"q must return one distribution per datum, batch shape \(4,\); got"
    yield row(name, "q returns one for all", lambda: call(lambda x: normal(2)), rf"{message} \(\)")
    yield row(
        name, "q returns another batch", lambda: call(lambda x: normal(5, 2)), rf"{message} \(5,\)"
    )
    yield row(
        name,
        "q without an event",
        lambda: call(lambda x: normal(4, 2, event=0)),
        rf"{message} \(4, 2\)",
    )


def no_data(name, call):
    """Rows for data that no bound takes; `call` has a float32 model with X = 3."""
    yield from shapes(
        name, r"x must be a tensor of shape \(B, X\), B at least 1", call, (3,), (0, 3), ()
    )
    yield from shapes(name, r"x must have shape \(B, 3\)", call, (4, 7))
    yield from no_tensors(name, "x", call)
    yield from not_finite(name, call)
    yield from kinds(name, call)


def rows_of_bounds():
    for bound in (
        log_weights,
        elbo,
        elbo_kl,
        elbo_score,
        elbo_stl,
        iwae,
        iwae_dreg,
        log_likelihood,
    ):
        name = bound.__name__
        yield from counts(name, "K", lambda K, bound=bound: bound(vae(), encoder(), data(), K))
        yield from no_data(name, lambda x, bound=bound: bound(vae(), encoder(), x, 2))
        yield from no_models(name, lambda model, bound=bound: bound(model, encoder(), data(), 2))
        yield from no_encoders(name, lambda q, bound=bound: bound(vae(), q, data(), 2))
        unfit = r"q must draw latents that fit the model: z must have shape \(\*, 2\); got \(2, 4(, 5)?\)"
        for what, q in {"5": lambda x: normal(4, 5), "no": lambda x: normal(4, event=0)}.items():
            yield row(
                name, f"q over {what} latents", lambda b=bound, q=q: b(vae(), q, data(), 2), unfit
            )
        double, message = (
            GaussianEncoder(3, 2).double(),
            "q must draw latents that fit the model: z must be .*float32",
        )
        x = data(dtype=F64)
        yield row(
            name,
            "q and x of another type",
            lambda b=bound, q=double, x=x: b(vae(), q, x, 2),
            message,
        )
        message = r"x must have shape \(B, 7\); got \(4, 3\)"
        wide = vae(decoder=GaussianDecoder(2, 7))
        yield row(
            name,
            "model of other data",
            lambda b=bound, wide=wide: b(wide, encoder(), data(), 2),
            message,
        )
        grey = vae(decoder=BernoulliDecoder(2, 3))
        message = "x must hold binary pixels, 0 or 1.*got the grey value 0.5"
        yield row(
            name,
            "grey pixels",
            lambda b=bound, grey=grey: b(grey, encoder(), x_with(0.5), 2),
            message,
        )
        far = vae().to("meta")
        message = "q must draw latents that fit the model: z must be .*meta.*got .*cpu"
        yield row(
            name,
            "model on another device",
            lambda b=bound, far=far: b(far, encoder(), data(), 2),
            message,
        )
    for bound in (elbo_kl, elbo_stl, iwae_dreg):
        message = "needs a q that can reparameterise; got OneHotCategorical.*elbo_score takes any q"
        discrete = mixture()
        yield row(
            bound.__name__,
            "a discrete latent",
            lambda b=bound, m=discrete: b(m, m.posterior, data(dtype=F64), 2),
            message,
        )
    message = r"model must have log_joint\(x, z\) and prior\(\); got NoPrior, without prior"
    yield row("elbo_kl", "no prior", lambda: elbo_kl(NoPrior(), encoder(), data()), message)
    for bound in (iwae, iwae_dreg, log_likelihood):
        yield from counts(
            bound.__name__,
            "chunk",
            lambda chunk, bound=bound: bound(vae(), encoder(), data(), 5, chunk),
            NO_COUNT[:-1],
        )  # None leaves the choice to the bound


def rows_of_evaluate():
    one = "K must be an integer of at least 2; got 1"
    yield row(
        "log_likelihood",
        "an error from one sample",
        lambda: log_likelihood(vae(), encoder(), data(), 1, return_se=True),
        one,
    )

    def few(x, **more):
        return ais(vae(), x, **{"K": 2, "temperatures": 2, "leapfrog": 1, **more})

    name = "ais"
    yield from shapes(
        name, r"x must be a tensor of shape \(B, X\), B at least 1", few, (3,), (0, 3)
    )
    yield from shapes(name, r"x must have shape \(B, 3\)", few, (4, 7))
    yield from no_tensors(name, "x", few)
    yield from not_finite(name, few)
    yield from kinds(name, few)
    for argument in ("K", "temperatures", "leapfrog"):
        yield from counts(name, argument, lambda value, a=argument: few(data(), **{a: value}))
    yield from shapes(
        name, r"z must have shape \(4, 2\) or \(2, 4, 2\)", lambda z: few(data(), z=z), (2,), (4, 3)
    )
    yield row(name, "z an array", lambda: few(data(), z=np.zeros((4, 2))), "z must .*got ndarray")
    yield row(name, "one chain", lambda: few(data(), K=1, return_se=True), one)
    yield from no_models(name, lambda model: ais(model, data(), 2, 2, 1))
    message = r"prior has a density on all of R\^Z; got"
    half = vae(prior=returns(Independent(HalfNormal(torch.ones(2)), 1)))
    yield row(name, "half a prior", lambda: ais(half, data(), 2, 2, 1), message)
    yield row(name, "a discrete prior", lambda: ais(mixture(), data(dtype=F64), 2, 2, 1), message)

    def ledger(**more):
        return gap_ledger(
            **{
                "model": vae(),
                "q": encoder(),
                "x": data(),
                "K": 2,
                "steps": 1,
                "log_evidence": data(4),
            }
            | more
        )

    name = "gap_ledger"
    yield from no_data(name, lambda x: ledger(x=x))
    yield from no_encoders(name, lambda q: ledger(q=q))
    yield from no_models(name, lambda model: ledger(model=model))
    for argument in ("K", "chunk", "steps"):
        yield from counts(name, argument, lambda value, a=argument: ledger(**{a: value}))
    yield row(name, "K=1", lambda: ledger(K=1), one)
    for lr in (0, -1.0, NAN, INF, "1", None, True):
        yield row(
            name,
            f"lr={lr!r}",
            lambda lr=lr: ledger(lr=lr),
            f"lr must be a positive.* number; got {lr!r}",
        )
    for given, got in [
        ("exact", "'exact'"),
        ("best", "'best'"),
        (3.0, "3.0"),
        (data(3), r"a tensor of shape \(3,\)"),
    ]:
        message = f"log_evidence must be 'exact' .*'ais', 'importance' or a tensor.*got {got}"
        yield row(
            name, f"log_evidence {got}", lambda given=given: ledger(log_evidence=given), message
        )
    message = "q of Independent.* or MultivariateNormal; got"
    yield row(
        name,
        "q no Gaussian",
        lambda: ledger(q=lambda x: Independent(HalfNormal(torch.ones(4, 2)), 1)),
        message,
    )

    name = "active_units"
    yield from no_data(name, lambda x: active_units(encoder(), x))
    yield from no_encoders(name, lambda q: active_units(q, data()))
    yield from shapes(
        name, "x must hold at least two data", lambda x: active_units(encoder(), x), (1, 3)
    )
    for threshold in (-0.1, NAN, INF, "0.01", None, True):
        yield row(
            name,
            f"threshold={threshold!r}",
            lambda threshold=threshold: active_units(encoder(), data(), threshold),
            f"threshold must .* number.*; got {threshold!r}",
        )

    no_decoder = "model must have a decoder; got Model"
    no_density = "decoder must return a torch Distribution; got"
    name = "reconstruct"
    yield from no_data(name, lambda x: reconstruct(vae(), encoder(), x))
    yield from no_encoders(name, lambda q: reconstruct(vae(), q, data()))
    yield row(name, "no decoder", lambda: reconstruct(Model(data), encoder(), data()), no_decoder)
    tensor, nothing = vae(decoder=returns(data())), vae(decoder=returns(None))
    yield row(
        name,
        "decoder returns a tensor",
        lambda: reconstruct(tensor, encoder(), data()),
        f"{no_density} Tensor",
    )
    yield row(
        name,
        "decoder returns None",
        lambda: reconstruct(nothing, encoder(), data()),
        f"{no_density} NoneType",
    )

    name = "interpolate"
    yield from counts(name, "n", lambda n: interpolate(vae(), encoder(), data(), data(), n))
    message = r"x_from and x_to must have one shape; got \(4, 3\), \(5, 3\)"
    yield row(
        name, "two shapes", lambda: interpolate(vae(), encoder(), data(), data(5, 3), 2), message
    )
    for value in NO_TENSOR:
        kind = type(value).__name__
        yield row(
            name,
            f"x_from a {kind}",
            lambda value=value: interpolate(vae(), encoder(), value, data(), 2),
            f"x_from .*must .*got .*{kind}",
        )
        yield row(
            name,
            f"x_to a {kind}",
            lambda value=value: interpolate(vae(), encoder(), data(), value, 2),
            f"x_to .*must .*got .*{kind}",
        )
    yield from not_finite(name, lambda x: interpolate(vae(), encoder(), x, data(), 2), r"x(_from)?")
    yield from kinds(name, lambda x: interpolate(vae(), encoder(), data(), x, 2), r"x(_to)?")
    yield from no_encoders(name, lambda q: interpolate(vae(), q, data(), data(), 2))
    yield row(
        name,
        "no decoder",
        lambda: interpolate(Model(data), encoder(), data(), data(), 2),
        no_decoder,
    )
    yield row(
        name,
        "decoder returns a tensor",
        lambda: interpolate(tensor, encoder(), data(), data(), 2),
        f"{no_density} Tensor",
    )


def rows_of_data():
    for flag in ("yes", 1, None):
        yield row(
            "digits",
            f"binary={flag!r}",
            lambda flag=flag: digits(flag),
            "binary must be True or False; got",
        )
        yield row(
            "digits",
            f"labels={flag!r}",
            lambda flag=flag: digits(labels=flag),
            "labels must be True or False; got",
        )
    for images in (mnist, fashion_mnist):
        name = images.__name__
        for how in ("stochastically", True, 0.5):
            message = f"binarize must be None, 'threshold' or 'stochastic'; got {how!r}"
            yield row(
                name, f"binarize={how!r}", lambda images=images, how=how: images(how), message
            )
        message = "labels must be True or False; got 1"
        yield row(name, "labels=1", lambda images=images: images(labels=1), message)
    yield from shapes(
        "FreshPixels", r"p must be a floating-point tensor of shape \(N, X\)", FreshPixels, (3,), ()
    )
    yield from no_tensors("FreshPixels", "p", FreshPixels)
    message = r"p must be a floating-point tensor .*; got \(4, 3\) of torch.uint8"
    yield row("FreshPixels", "bytes", lambda: FreshPixels(data(dtype=torch.uint8)), message)
    for value in (-0.1, 1.1, NAN):
        message = r"p must hold grey values in \[0, 1\]; got "
        yield row(
            "FreshPixels",
            f"p with {value}",
            lambda value=value: FreshPixels(x_with(value)),
            message,
        )
    yield from counts("two_moons", "n", two_moons)
    seeded = {
        "two_moons": lambda seed: two_moons(3, seed=seed),
        "FreshPixels": lambda seed: FreshPixels(data(), seed),
    }
    seeded |= {
        "mnist": lambda seed: mnist(seed=seed),
        "fashion_mnist": lambda seed: fashion_mnist(seed=seed),
    }
    for name, call in seeded.items():
        for seed in (0.5, "0", None, True):
            message = f"seed must be an integer; got {seed!r}"
            yield row(name, f"seed={seed!r}", lambda seed=seed, call=call: call(seed), message)
    for noise in (-0.1, NAN, INF, "0.1", None, True):
        yield row(
            "two_moons",
            f"noise={noise!r}",
            lambda noise=noise: two_moons(3, noise=noise),
            f"noise must not be negative, .*number; got {noise!r}",
        )


def rows_of_fit():
    def train(**more):
        given = {
            "bound": elbo,
            "model": vae(),
            "q": encoder(),
            "x": data(),
            "K": 1,
            "steps": 1,
        } | more
        return fit(given.pop("bound"), given.pop("model"), given.pop("q"), given.pop("x"), **given)

    name = "fit"
    for argument in ("K", "steps", "record_every"):
        yield from counts(name, argument, lambda value, a=argument: train(**{a: value}))
    yield from counts(name, "batch_size", lambda value: train(batch_size=value), NO_COUNT[:-1])
    yield from counts(
        name, "patience", lambda value: train(patience=value, held_out=data()), NO_COUNT[:-1]
    )
    for argument in ("x", "held_out"):

        def give(value, argument=argument):
            return train(**{argument: value})

        wrong = ((3,), (0, 3), ())
        yield from shapes(
            name, rf"{argument} must be a tensor of shape \(N, X\), N at least 1", give, *wrong
        )
        yield from not_finite(name, give, argument)
        for value in NO_TENSOR if argument == "x" else NO_TENSOR[:-1]:
            kind = type(value).__name__
            message = f"{argument} must be a tensor of shape .*got {kind}"
            yield row(
                name, f"{argument} a {kind}", lambda give=give, value=value: give(value), message
            )
    yield from shapes(name, r"x must have shape \(B, 3\)", lambda x: train(x=x), (4, 7))
    yield from kinds(name, lambda x: train(x=x))
    yield row(
        name,
        "x a function of nothing",
        lambda: train(x=lambda epoch: None),
        "x must be a tensor.*got NoneType",
    )
    for lr in (0.0, -1.0, NAN, INF, "1", None, True):
        yield row(
            name,
            f"lr={lr!r}",
            lambda lr=lr: train(lr=lr),
            f"lr must be a positive.* number; got {lr!r}",
        )
    for clip in (0.0, -1.0, NAN, "1", True):
        yield row(
            name,
            f"clip={clip!r}",
            lambda c=clip: train(clip=c),
            f"clip must be a positive.* number; got {clip!r}",
        )
    for seed in (0.5, "0", None, True):
        yield row(
            name,
            f"seed={seed!r}",
            lambda s=seed: train(seed=s),
            f"seed must be an integer; got {seed!r}",
        )
    for schedule in ("linear", 3, None, ["cosine"]):
        message = "schedule must be 'constant' or 'cosine' or a callable; got"
        yield row(name, f"schedule={schedule!r}", lambda s=schedule: train(schedule=s), message)
    message = "patience needs held_out data"
    yield row(name, "patience, nothing held out", lambda: train(patience=2), message)
    for callback in (3, "print"):
        message = "callback must be .*call.*; got"
        yield row(name, f"callback={callback!r}", lambda c=callback: train(callback=c), message)
    for bound in (None, "elbo", 3.0):
        kind = type(bound).__name__
        yield row(
            name,
            f"bound a {kind}",
            lambda b=bound: train(bound=b),
            f"bound must be .*call.*; got .*({kind}|{bound!r})",
        )
    for what, bound, got in [
        ("None", lambda *given: None, "NoneType"),
        ("a number", lambda model, q, x, K: elbo(model, q, x, K).mean(), r"\(\)"),
        ("every weight", log_weights, r"\(1, 4\)"),
    ]:
        message = rf"bound must return one value per datum, shape \(4,\); got {got}"
        yield row(name, f"bound returns {what}", lambda bound=bound: train(bound=bound), message)
    yield from no_models(name, lambda model: train(model=model))
    yield from no_encoders(name, lambda q: train(q=q))
    message = "neither model nor q has a parameter to train"
    frozen = vae().requires_grad_(False)
    yield row(
        name, "nothing to train", lambda: train(model=frozen, q=lambda x: normal(4, 2)), message
    )
    for path in (3, ["a"]):
        message = "checkpoint must be .*path.*; got"
        yield row(name, f"checkpoint={path!r}", lambda path=path: train(checkpoint=path), message)


ROWS = [
    *rows_of_latent(),
    *rows_of_proxies(),
    *rows_of_jensen_and_of_weights(),
    *rows_of_bounds(),
    *rows_of_evaluate(),
    *rows_of_data(),
    *rows_of_fit(),
]


@pytest.mark.parametrize("call, message", ROWS)
def test_a_bad_call_is_refused_by_name(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def public():
    """Names of public functions, classes and methods that somebody can call, of all modules in the table."""
    for module in MODULES:
        source = importlib.import_module(f"vaelib.{module}")
        for name in source.__all__:
            yield name
            if inspect.isclass(thing := getattr(source, name)):
                methods = [
                    k
                    for k, v in vars(thing).items()
                    if inspect.isroutine(v) and not k.startswith("_")
                ]
                yield from (f"{name}.{method}" for method in methods if method != "forward")
    yield "fit"


def test_the_table_is_long_and_leaves_nothing_public_out():
    names = [row.id.split(":")[0] for row in ROWS]
    assert len(ROWS) >= 70 and len({row.id for row in ROWS}) == len(ROWS)
    assert {name.removesuffix("()") for name in names} == set(public()) - NOT_CALLED


def test_an_error_of_the_users_own_network_is_left_as_it_is():
    def fail(x):
        raise RuntimeError("out of cheese")

    net = nn.Linear(3, 4)
    net.forward = fail
    with pytest.raises(RuntimeError, match="out of cheese"):
        GaussianEncoder(3, 2, net=net)(data())
    with pytest.raises(RuntimeError, match="out of cheese"):
        elbo(vae(), fail, data())


def test_finite_numbers_whose_sum_overflows_are_not_refused():
    huge = torch.full((4, 3), 3e38)
    huge[0, 0] = 0.0
    assert LinearGaussian(huge, data(4), 1.0).weight.isfinite().all()
    q = encoder().requires_grad_(False)
    for parameter in q.parameters():
        parameter.zero_()
    assert q(huge).mean.isfinite().all()
    with pytest.raises(ValueError, match="x must be finite"):
        q(2 * huge)
