"""Bad calls of everything public: each is refused by the argument's name, with what was got."""

import importlib
import inspect
import math
import re
from functools import partial

import numpy as np
import pytest
import torch
from oracles import t64
from torch import nn
from torch.distributions import (
    Bernoulli,
    Exponential,
    HalfNormal,
    Independent,
    Normal,
    OneHotCategorical,
)
from torch.utils.data import DataLoader, TensorDataset

from vaelib.annealing import ais
from vaelib.data import FreshPixels, digits, fashion_mnist, mnist, two_moons
from vaelib.elbo import elbo, elbo_kl, elbo_score, elbo_stl, log_weights
from vaelib.evaluate import active_units, interpolate, log_likelihood, reconstruct
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
from vaelib.ledger import gap_ledger
from vaelib.proxies import (
    BernoulliDecoder,
    CategoricalDecoder,
    FreeGaussian,
    GaussianDecoder,
    GaussianEncoder,
)
from vaelib.train import fit

MODULES = ["latent", "proxies", "jensen", "elbo", "iwae", "evaluate", "annealing", "ledger", "data"]
# Nobody calls these: one is the protocol of a model, one a result; the last has no arguments.
NOT_CALLED = {"Model", "Model.log_joint", "Model.prior", "GapLedger", "binarized_mnist"}
# Bounds call these with what they have checked.
NOT_CALLED |= {"log_path_density", "estimate_log_evidence", "estimate_standard_error"}
NAN, INF = math.nan, math.inf
F64, INT, COMPLEX = torch.float64, torch.int64, torch.complex64
NO_COUNT = [0, -1, 2.5, True, "5", None]
NO_TENSOR = [[[0.0, 0.0, 0.0]], np.zeros((4, 3)), None]
NO_POSITIVE = [0.0, -1.0, NAN, INF, "1", None, True]
NO_SIGMA = [*NO_POSITIVE, [1.0], 1j]
NO_SEED = [0.5, "0", None, True]
Z_WANTED = r"z must have shape \(\*, 2\)"
X_WANTED = r"x must have shape \(B, 3\)"
SWAPPED = r"model must have log_joint\(x, z\) and prior\(\); got GaussianEncoder, without log_joint"
NO_DENSITY = "decoder must return a torch Distribution; got"


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
    """A prior, a decoder, an encoder or a net that returns one thing, whatever it is given."""
    module = nn.Module()
    module.forward = lambda *given: what
    return module


class Model:
    """A model that has just the two methods; a function of z is its log_joint."""

    def __init__(self, log_joint):
        self.log_joint = lambda x, z: log_joint(z)
        self.prior = StandardNormal(2)


class NoPrior:
    def log_joint(self, x, z):
        return z.sum(-1)


def normal(*shape, event=1):
    return Independent(Normal(torch.zeros(shape), 1.0), event)


def row(name, what, message, call, *args, **kwargs):
    """What is called, what is wrong with it, the message as a pattern, and the call."""
    # An address differs from one test process to the next.
    title = re.sub(r" (of type object )?at 0x[0-9a-f]+", "", f"{name}: {what}")
    return pytest.param(partial(call, *args, **kwargs), message, id=title)


def values(name, argument, wrong, message, call):
    """Rows for wrong values of an argument, which `call` takes; the message ends with the value."""
    for value in wrong:
        what = f"{argument}={value!r}"
        yield row(name, what, f"{argument} must {message}{re.escape(repr(value))}", call, value)


def counts(name, argument, call, wrong=NO_COUNT):
    """Rows for what is no positive integer."""
    return values(name, argument, wrong, "be .*integer.*got ", call)


def no_tensors(name, argument, call, must="must .*got ", wrong=NO_TENSOR):
    for value in wrong:
        kind = type(value).__name__
        yield row(name, f"{argument} a {kind}", f"{argument} {must}{kind}", call, value)


def shapes(name, wanted, call, *wrong):
    """Rows for zeros of the wrong shapes; `wanted` begins the message."""
    for shape in wrong:
        zeros = data(*shape) if shape else torch.tensor(0.0)
        got = rf"{wanted}.*got.* {re.escape(str(shape))}"
        yield row(name, f"{wanted.split()[0]} of shape {shape}", got, call, zeros)


def kinds(name, call, argument="x"):
    """Rows for data of another type or on another device than a float32 model."""
    for dtype in (F64, INT, COMPLEX):
        wrong = rf"{argument} must be .*(float|real).*got .*{str(dtype).removeprefix('torch.')}"
        yield row(name, f"{argument} of {dtype}", wrong, call, data(dtype=dtype))
    if name != "fit":  # which moves the data to where the parameters are
        device = rf"{argument} must be .*cpu.*got .*meta"
        yield row(name, f"{argument} on another device", device, call, data(device="meta"))


def not_dense(name, call, argument="x", shape=(4, 3)):
    """Rows for tensors that have not all their numbers in place."""
    message = f"{argument} must be a dense tensor; got"
    sparse, nested = (
        data(*shape).to_sparse(),
        torch.nested.nested_tensor([data(3), data(2)], layout=torch.jagged),
    )
    yield row(name, f"{argument} sparse", f"{message} one of layout torch.spar", call, sparse)
    yield row(name, f"{argument} nested", f"{message} a nested one", call, nested)


def not_finite(name, call, argument="x"):
    message = f"{argument} must be finite.*holds an infinity or not-a-number"
    for value in (NAN, INF, -INF):
        yield row(name, f"{argument} with {value}", message, call, x_with(value))


def no_data(name, call, wanted=r"x must be a tensor of shape \(B, X\), B at least 1"):
    """Rows for data that no bound takes; `call` has a float32 model with X = 3."""
    sparse = r"x must be a dense tensor; got one of layout torch\.sparse_coo: give x\.to_dense\(\)"
    yield row(name, "sparse x", sparse, call, data().to_sparse())
    yield from shapes(name, wanted, call, (3,), (0, 3), ())
    yield from shapes(name, X_WANTED, call, (4, 7))
    yield from no_tensors(name, "x", call)
    yield from not_finite(name, call)
    yield from not_dense(name, call)
    yield from kinds(name, call)


def no_models(name, call):
    """Rows for models that do not keep the protocol."""
    for model in (None, nn.Linear(3, 2), "vae"):
        kind = type(model).__name__
        message = rf"model must have log_joint\(x, z\) and prior\(\); got {kind}"
        yield row(name, f"model a {kind}", message, call, model)
    message = r"model.log_joint must return shape \(K, B\), \(\d+, 4\); got"
    for what, log_joint, got in [
        ("None", lambda z: None, "NoneType"),
        ("a number", lambda z: z.sum(), r"\(\)"),
        ("every dimension", lambda z: z, r"\(\d+, 4, 2\)"),
        ("one per datum", lambda z: z.sum(-1).mean(0), r"\(4,\)"),
    ]:
        yield row(name, f"log_joint returns {what}", f"{message} {got}", call, Model(log_joint))


def no_encoders(name, call):
    """Rows for encoders that do not keep the protocol, and for those that do not fit the model."""
    swapped = "got the model LatentVariableModel. A bound takes the model first, then q"
    yield row(name, "q a model", f"q must be called with x, .*; {swapped}", call, vae())
    wild = r"parameter loc .*shape \(4, 2\).*found invalid values(\nThis was step|$)"
    yield row(name, "q not finite", wild, call, lambda x: Normal(x[:, :2] + NAN, 1.0))
    for q in (None, data(), "posterior"):
        kind = type(q).__name__
        yield row(name, f"q a {kind}", f"q must be called with x.*; got {kind}", call, q)
    message = "q must return a torch Distribution; got"
    yield row(name, "q returns a tensor", f"{message} Tensor", call, nn.Linear(3, 2))
    yield row(name, "q returns None", f"{message} NoneType", call, lambda x: None)
    message = r"q must return one distribution per datum, batch shape \(4,\); got"
    for what, q_z, got in [
        ("one for all", normal(2), r"\(\)"),
        ("another batch", normal(5, 2), r"\(5,\)"),
        ("no event", normal(4, 2, event=0), r"\(4, 2\)"),
    ]:
        yield row(name, f"q returns {what}", f"{message} {got}", call, returns(q_z))


def rows_of_models():
    yield from counts("StandardNormal", "latent_dim", StandardNormal)
    yield from shapes("StandardNormal", Z_WANTED, StandardNormal(2)().log_prob, (4, 3), ())
    yield from no_tensors("StandardNormal", "z", StandardNormal(2)().log_prob)
    message = "z must be a tensor of real numbers; got torch.complex64"
    z = data(4, 2, dtype=COMPLEX)
    yield row("StandardNormal", "z complex", message, StandardNormal(2)().log_prob, z)

    message = "must be a module that returns a distribution; got"
    name, call, prior = "LatentVariableModel", LatentVariableModel, StandardNormal(2)
    yield row(name, "no prior", f"prior {message} NoneType", call, None, prior)
    yield row(name, "a prior already called", f"prior {message}", call, prior(), prior)
    yield row(name, "a tensor for a decoder", f"decoder {message} Tensor", call, prior, data())

    name, z = "LatentVariableModel.sample", data(5, 4, 2)
    yield from counts(name, "n", vae().sample)
    tensor, unfit = vae(decoder=returns(data(2, 3))), vae(decoder=GaussianDecoder(3, 3))
    yield row(name, "decoder returns a tensor", f"{NO_DENSITY} Tensor", tensor.sample, 2)
    message = r"z must have shape \(\*, 3\); got \(2, 2\)"
    yield row(name, "prior and decoder of two Z", message, unfit.sample, 2)
    joint, message = "LatentVariableModel.log_joint", "prior must return a torch Distribution; got"
    one_prior = r"prior must return one distribution, batch shape \(\); got \(2,\)"
    for what, returned, wrong in [
        ("a tensor", data(2), f"{message} Tensor"),
        ("no event", normal(2, event=0), one_prior),
    ]:
        model = vae(prior=returns(returned))
        yield row(name, f"prior returns {what}", wrong, model.sample, 2)
        yield row(joint, f"prior returns {what}", wrong, model.log_joint, data(), z)


def rows_of_log_joint():
    name, z = "LatentVariableModel.log_joint", data(5, 4, 2)
    of_x, of_z = partial(vae().log_joint, z=z), partial(vae().log_joint, data())
    pair = r"x must have shape \(B, X\) and z \(\*, B, Z\), B at least 1"
    with_z = lambda x: vae().log_joint(x, data(5, *x.shape[:1], 2))  # noqa: E731
    yield from shapes(name, pair, with_z, (3,), (0, 3))
    yield from shapes(name, pair, of_x, (5, 3))
    yield from shapes(name, X_WANTED, of_x, (4, 7))
    yield from shapes(name, Z_WANTED, of_z, (5, 4, 3), (), (0,))
    yield from no_tensors(name, "x", of_x)
    yield from no_tensors(name, "z", of_z)
    yield from kinds(name, of_x)
    yield from kinds(name, lambda x: vae().log_joint(x.real, x[..., :2]), "z")
    yield from not_finite(name, of_x)
    double = "must be torch.float64 on cpu; got torch.float32"
    one_hot = r"z must lie in the support of the prior, which is OneHotCategorical\(\)"
    for what, message, model, x, z_given in [
        ("x infinite, solved", "x must be finite", solved(), x_with(INF).double(), z.double()),
        ("z not one-hot", one_hot, mixture(), data(dtype=F64), z.double()),
        ("x float32, model float64", f"x {double}", solved(), data(), z.double()),
        ("z float32, model float64", f"z {double}", solved(), data(dtype=F64), z),
    ]:
        yield row(name, what, message, model.log_joint, x, z_given)
    one_each = r"decoder must return one distribution per z, \(5, 4\); got"
    for what, returned, message in [
        ("a tensor", data(5, 4, 3), f"{NO_DENSITY} Tensor"),
        ("None", None, f"{NO_DENSITY} NoneType"),
        ("no event", normal(5, 4, 3, event=0), rf"{one_each} \(5, 4, 3\)"),
        ("one for all", normal(3), rf"{one_each} \(\)"),
        ("another event", normal(5, 4, 7), r"x must have shape \(B, 7\); got \(4, 3\)"),
    ]:
        model = vae(decoder=returns(returned))
        yield row(name, f"decoder returns {what}", message, model.log_joint, data(), z)


def rows_of_solved_models():
    name, weight, bias = "LinearGaussian", data(3, 2), data(3)
    of_weight = partial(LinearGaussian, bias=bias, sigma=1.0)
    of_bias = partial(LinearGaussian, weight, sigma=1.0)
    of_sigma = partial(LinearGaussian, weight, bias)
    yield from shapes(name, r"weight must have shape \(X, Z\)", of_weight, (3,), (3, 0))
    yield from shapes(name, r"bias must have shape \(3,\)", of_bias, (2,), (3, 1))
    yield from no_tensors(name, "weight", of_weight)
    yield from no_tensors(name, "bias", of_bias)
    yield from not_finite(name, lambda w: LinearGaussian(w, data(4), 1.0), "weight")
    integer = "weight must be floating point; got torch.int64"
    yield row(name, "weight of integers", integer, of_weight, weight.long())
    two = "must be torch.float32 on cpu; got torch.float64"
    yield row(name, "two precisions", f"bias {two}", of_bias, bias.double())
    message = "be one positive, finite number; got "
    yield from values(name, "sigma", NO_SIGMA, message, of_sigma)
    one = "sigma must be one positive"
    yield row(name, "sigma of shape (3,)", one, of_sigma, bias + 1)
    z = data(4, 2, dtype=F64)
    wanted = Z_WANTED + r"; got \(4, 3\)"
    yield row(name, "z of 3 in the decoder", wanted, solved().decoder, data(dtype=F64))
    a_list = "x must be a tensor of real numbers; got list"
    yield row(name, "x a list", a_list, solved().decoder(z).log_prob, [0.0])

    name, logits, means = "GaussianMixture", data(3), data(3, 2)
    of_logits = partial(GaussianMixture, means=means, sigma=1.0)
    of_means = partial(GaussianMixture, logits, sigma=1.0)
    yield from shapes(name, r"logits must have shape \(C,\)", of_logits, (3, 1), (0,))
    yield from shapes(name, r"means must have shape \(3, X\)", of_means, (2, 2), (3,), (3, 0))
    yield from no_tensors(name, "logits", of_logits)
    yield from no_tensors(name, "means", of_means)
    yield from not_finite(name, lambda means: GaussianMixture(data(4), means, 1.0), "means")
    yield row(name, "two precisions", f"means {two}", of_means, means.double())
    yield from values(name, "sigma", NO_SIGMA, message, partial(GaussianMixture, logits, means))

    half = "must be torch.float32 or torch.float64; got torch.float16"
    yield row("LinearGaussian", "half precision", f"weight {half}", of_weight, weight.half())
    yield row("GaussianMixture", "half precision", f"logits {half}", of_logits, logits.half())
    for model in (solved(), mixture()):
        for method in ("log_evidence", "posterior"):
            yield from no_data_of_solved(f"{type(model).__name__}.{method}", getattr(model, method))


def no_data_of_solved(name, call):
    yield from shapes(name, X_WANTED, call, (3,), (4, 2), (0, 3), (1, 4, 3))
    yield from no_tensors(name, "x", call)
    yield from not_finite(name, lambda x: call(x.double()))
    yield from not_dense(name, call)
    for dtype in (torch.float32, INT, COMPLEX):
        message = f"x must be torch.float64 on cpu; got {dtype} on cpu"
        yield row(name, f"x of {dtype}", message, call, data(dtype=dtype))
    message = "x must be torch.float64 on cpu; got torch.float64 on meta"
    yield row(name, "x on another device", message, call, data(dtype=F64, device="meta"))


def rows_of_ppca_and_monte_carlo():
    name, fitted = "fit_ppca", partial(fit_ppca, latent_dim=1)
    wanted = r"x must have shape \(N, X\)"
    yield from shapes(name, wanted, fitted, (3,), (0, 3), (3, 0), (2, 2, 2))
    yield from no_tensors(name, "x", fitted)
    yield from not_finite(name, fitted)
    yield from counts(name, "latent_dim", partial(fit_ppca, torch.randn(9, 3)))
    message = "be one positive, finite number; got "
    wrong = [sigma for sigma in NO_SIGMA if sigma is not None]
    yield from values(name, "sigma", wrong, message, partial(fit_ppca, data(), 1))
    yield from not_dense(name, fitted)
    half = "x must be torch.float32 or torch.float64; got torch.bfloat16"
    yield row(name, "half precision", half, fitted, data(dtype=torch.bfloat16))
    integer = "x must be floating point; got torch.int64"
    yield row(name, "integers", integer, fitted, data(dtype=INT))
    yield row(name, "Z = X", "latent_dim must be at most 2 .*; got 3", fit_ppca, data(), 3)
    message = "x has no variance left .* give a positive sigma"
    yield row(name, "no variance", message, fitted, data())

    name = "simple_monte_carlo"
    wanted = r"x must be a tensor of shape \(B, X\)"
    yield from no_data(name, partial(simple_monte_carlo, vae(), K=2), wanted)
    yield from counts(name, "K", partial(simple_monte_carlo, vae(), data()))
    yield from counts(name, "chunk", partial(simple_monte_carlo, vae(), data(), 2))
    yield from no_models(name, lambda model: simple_monte_carlo(model, data(), 2))


def rows_of_network(network, **sizes):
    """Rows for one of the networks; each has three inputs and four outputs here."""
    name = network.__name__

    def make(**more):
        return network(**{**sizes, **more})

    for argument in sizes:
        yield from counts(name, argument, lambda value, a=argument: make(**{a: value}))
    yield from counts(name, "hidden", lambda width: make(hidden=(4, width)))
    message = "be the widths of the layers.*got "
    yield from values(name, "hidden", [4], message, lambda hidden: make(hidden=hidden))
    message = "activation must be a class of module, such as nn.Tanh; got"
    for activation in (nn.Tanh(), torch.tanh, "tanh", None):
        yield row(name, f"activation={activation}", message, make, activation=activation)
    yield row(name, "net no module", "net must be a module; got Tensor", make, net=data())
    for what, out, got in [
        ("None", None, "NoneType"),
        ("a tuple", (data(),), "tuple"),
        ("another width", data(4, 5), r"\(4, 5\)"),
        ("one row", data(4), r"\(4,\)"),
    ]:
        message = rf"net must return shape \(4, 4\) here; got {got}"
        yield row(name, f"net returns {what}", message, make(net=returns(out)), data())
    given = "x" if network is GaussianEncoder else "z"
    yield from no_tensors(name, given, make())
    yield from kinds(name, make(), given)
    if given == "x":
        yield from shapes(name, X_WANTED, make(), (4, 2), (), (3,), (0, 3))
    else:
        yield from shapes(name, r"z must have shape \(\*, 3\)", make(), (4, 2), ())


def rows_of_density(name, p, argument="x"):
    """Rows for the density that a network returns, over (4, 3)."""
    yield from shapes(f"{name}()", r"value must have shape \(\*, 3\)", p.log_prob, (4, 2), ())
    yield from no_tensors(name, argument, p.log_prob)
    message = f"{argument} must be a tensor of real numbers; got torch.complex64"
    yield row(name, "log_prob at complex", message, p.log_prob, data(dtype=COMPLEX))
    yield from not_dense(name, p.log_prob, argument)
    message = f"{argument} must be on cpu; got one on meta"
    yield row(name, "log_prob on another device", message, p.log_prob, data(device="meta"))


def rows_of_proxies():
    yield from rows_of_network(GaussianEncoder, data_dim=3, latent_dim=2)
    yield from rows_of_network(GaussianDecoder, latent_dim=3, data_dim=4)
    yield from rows_of_network(BernoulliDecoder, latent_dim=3, data_dim=4)
    yield from rows_of_network(CategoricalDecoder, latent_dim=3, length=2, alphabet=2)
    gaussian = GaussianDecoder(2, 3)(data(4, 2))
    binary, symbols = BernoulliDecoder(2, 3)(data(4, 2)), CategoricalDecoder(2, 3, 4)(data(4, 2))
    yield from rows_of_density("GaussianEncoder", GaussianEncoder(3, 3)(data()), "z")
    yield from rows_of_density("GaussianDecoder", gaussian)
    yield from rows_of_density("BernoulliDecoder", binary)
    yield from rows_of_density("CategoricalDecoder", symbols)
    yield from not_finite("GaussianEncoder", encoder())

    name, message = "GaussianDecoder", "be one positive, finite number; got "
    of_sigma = lambda sigma: GaussianDecoder(2, 3, sigma_dec=sigma)  # noqa: E731
    yield from values(name, "sigma_dec", NO_SIGMA, message, of_sigma)
    of_flag = lambda learn_sigma: GaussianDecoder(2, 3, learn_sigma=learn_sigma)  # noqa: E731
    yield from values(name, "learn_sigma", (1, "no", None), "be True or False; got ", of_flag)
    yield row(
        name, "two sigmas", r"sigma_dec must be one .*; got shape \(2,\)", of_sigma, torch.ones(2)
    )
    yield from not_finite(name, gaussian.log_prob)
    wanted = "x must be torch.float32 on cpu; got torch."
    for dtype in (F64, INT, torch.bool):
        yield row(name, f"log_prob at {dtype}", wanted, gaussian.log_prob, data(dtype=dtype))
    bits, letters = BernoulliDecoder(2, 3), CategoricalDecoder(2, 3, 4)
    for decoder, value, message in (
        (bits, 0.5, r"x must hold binary pixels.*got the grey value 0\.5"),
        (letters, 4, "x must hold integers from 0 to 3.*got 4"),
    ):
        name = f"{type(decoder).__name__}.check_data"
        yield row(name, "a foreign value", message, decoder.check_data, x_with(value))
        yield row(name, "a list", "x must be a tensor.*got list", decoder.check_data, [[0, 1, 0]])
        model = vae(None, decoder)
        name = "LatentVariableModel.check_data"
        yield row(name, message[:20], message, model.check_data, x_with(value))
    for pixel in (0.5, -1.0, NAN, INF):
        message = f"x must hold binary pixels, 0 or 1.*got the grey value {pixel:g}"
        yield row("BernoulliDecoder", f"pixel {pixel}", message, binary.log_prob, x_with(pixel))
    for symbol in (-1.0, 4.0, 0.5, NAN, INF):
        message = f"x must hold integers from 0 to 3.*got {symbol}"
        what = f"symbol {symbol}"
        yield row("CategoricalDecoder", what, message, symbols.log_prob, x_with(symbol))

    name, free = "FreeGaussian", FreeGaussian(4, 2)
    yield from counts(name, "num_data", lambda n: FreeGaussian(n, 2))
    yield from counts(name, "latent_dim", lambda n: FreeGaussian(4, n))
    yield from shapes(name, "x must hold all 4 data of this FreeGaussian", free, (3, 3), (0, 3), ())
    yield from no_tensors(name, "x", free)


def rows_of_weights(function):
    """Rows for a function of log-weights."""
    name = function.__name__
    yield from no_tensors(name, "log_w", function)
    for dtype in (INT, COMPLEX, torch.bool):
        message = f"log_w must be a tensor of floating point; got {dtype}"
        yield row(name, str(dtype), message, function, data(dtype=dtype))
    yield from not_dense(name, function, "log_w")
    one = "log_w must have at least one sample along dim"
    yield from shapes(name, f"{one} 0", function, (), (0, 3))
    no_dim = [0.0, "0", None, True, (0, 1)]
    yield from values(name, "dim", no_dim, "be an integer; got ", partial(function, data()))
    for dim in (2, -3):
        yield row(name, f"dim={dim}", rf"{one} {dim}; got shape \(4, 3\)", function, data(), dim)


def rows_of_bound(bound):
    name = bound.__name__
    yield from counts(name, "K", lambda K: bound(vae(), encoder(), data(), K))
    yield from no_data(name, lambda x: bound(vae(), encoder(), x, 2))
    yield from no_models(name, lambda model: bound(model, encoder(), data(), 2))
    yield from no_encoders(name, lambda q: bound(vae(), q, data(), 2))
    unfit = "q must draw latents that fit the model: z must"
    shape = rf"{unfit} have shape \(\*, 2\); got \(2, 4(, 5)?\)"
    no_event, double = returns(normal(4, event=0)), GaussianEncoder(3, 2).double()
    wide, far = vae(decoder=GaussianDecoder(2, 7)), vae().to("meta")
    grey, pixels = vae(decoder=BernoulliDecoder(2, 3)), "x must hold binary pixels, 0 or 1"
    for what, message, model, q, x in [
        ("q over 5 latents", shape, vae(), returns(normal(4, 5)), data()),
        ("q over no latents", shape, vae(), no_event, data()),
        ("q and x of another type", f"{unfit} be .*float32", vae(), double, data(dtype=F64)),
        (
            "model of other data",
            r"x must have shape \(B, 7\); got \(4, 3\)",
            wide,
            encoder(),
            data(),
        ),
        ("grey pixels", f"{pixels}.*got the grey value 0.5", grey, encoder(), x_with(0.5)),
        ("model on another device", f"{unfit} be .*meta.*got .*cpu", far, encoder(), data()),
        ("model and q swapped", SWAPPED, encoder(), vae(), data()),
    ]:
        yield row(name, what, message, bound, model, q, x, 2)


def rows_of_more_about_bounds():
    message = "needs a q that can reparameterise; got OneHotCategorical.*elbo_score takes any q"
    model, x = mixture(), data(dtype=F64)
    for bound in (elbo_kl, elbo_stl, iwae_dreg):
        yield row(bound.__name__, "a discrete latent", message, bound, model, model.posterior, x, 2)
    message = r"model must have log_joint\(x, z\) and prior\(\); got NoPrior, without prior"
    yield row("elbo_kl", "no prior", message, elbo_kl, NoPrior(), encoder(), data())
    pixels = lambda z: Independent(Bernoulli(logits=data(*z.shape[:-1], 3)), 1)  # noqa: E731
    grey = "x must lie in the support of the likelihood, which is Independent.*Bernoulli"
    call = partial(elbo, vae(decoder=pixels), encoder())
    yield row("elbo", "grey pixels, a decoder of one's own", grey, call, x_with(0.5))
    outside = (
        "q must draw latents that fit the model: z must lie in the support of the prior, which"
    )
    of_z = partial(Independent, reinterpreted_batch_ndims=1)
    positive, bits = of_z(Exponential(torch.ones(2))), of_z(Bernoulli(torch.full((2,), 0.5)))
    for what, prior in (("positive", positive), ("discrete", bits)):
        model = vae(prior=returns(prior))
        yield row(
            "elbo", f"a q of all numbers, a {what} prior", outside, elbo, model, encoder(), data()
        )
    message = "q must draw what the prior is a density of; got OneHotCategorical, which is discrete"
    q = returns(OneHotCategorical(logits=data(4, 2)))
    for bound in (elbo, elbo_score, iwae, log_likelihood):
        yield row(bound.__name__, "a q that is discrete", message, bound, vae(), q, data(), 2)
    flag = "return_se must be True or False; got 1"
    yield row(
        "log_likelihood",
        "return_se=1",
        flag,
        log_likelihood,
        vae(),
        encoder(),
        data(),
        2,
        return_se=1,
    )
    flag = "return_ess must be True or False; got 'yes'"
    yield row(
        "log_likelihood",
        "return_ess=yes",
        flag,
        log_likelihood,
        vae(),
        encoder(),
        data(),
        2,
        return_ess="yes",
    )
    for bound in (iwae, iwae_dreg, log_likelihood):
        call = partial(bound, vae(), encoder(), data(), 5)
        yield from counts(bound.__name__, "chunk", call, NO_COUNT[:-1])  # None: the bound chooses


def rows_of_estimates():
    few_samples = "K must be an integer of at least 2; got 1"
    call = partial(log_likelihood, vae(), encoder(), data(), 1)
    what = "an error from one sample"
    yield row("log_likelihood", what, few_samples, call, return_se=True)

    def few(**more):
        given = {"model": vae(), "x": data(), "K": 2, "temperatures": 2, "leapfrog": 1}
        return ais(**{**given, **more})

    name = "ais"
    yield from no_data(name, lambda x: few(x=x))
    for argument in ("K", "temperatures", "leapfrog"):
        yield from counts(name, argument, lambda value, a=argument: few(**{a: value}))
    wanted = r"z must have shape \(4, 2\) or \(2, 4, 2\)"
    yield from shapes(name, wanted, lambda z: few(z=z), (2,), (4, 3))
    yield row(name, "z an array", "z must .*got ndarray", few, z=np.zeros((4, 2)))
    for what, z, wrong in [
        ("of integers", data(4, 2).long(), "floating point; got torch.int64"),
        ("not a number", data(4, 2) + NAN, "finite"),
        ("sparse", data(4, 2).to_sparse(), "a dense tensor"),
        ("on another device", data(4, 2, device="meta"), "on cpu, as x is; got one on meta"),
    ]:
        yield row(name, f"z {what}", f"z must be {wrong}", few, z=z)
    rough = vae().bfloat16()
    message = "ais needs latents of torch.float32 or torch.float64; got torch.bfloat16"
    yield row(name, "half precision", message, few, model=rough, x=data(dtype=torch.bfloat16))
    yield row(name, "return_se=1", "return_se must be True or False; got 1", few, return_se=1)
    yield row(name, "one chain", few_samples, few, K=1, return_se=True)
    yield from no_models(name, lambda model: few(model=model))
    message = r"prior has a density on all of R\^Z; got"
    half = vae(prior=returns(Independent(HalfNormal(torch.ones(2)), 1)))
    yield row(name, "half a prior", message, few, model=half)
    yield row(name, "a discrete prior", message, few, x=data(dtype=F64), model=mixture())

    def ledger(**more):
        given = {"model": vae(), "q": encoder(), "x": data(), "K": 2, "steps": 1}
        return gap_ledger(**{**given, "log_evidence": data(4), **more})

    name = "gap_ledger"
    yield from no_data(name, lambda x: ledger(x=x))
    yield from no_encoders(name, lambda q: ledger(q=q))
    yield from no_models(name, lambda model: ledger(model=model))
    for argument in ("K", "chunk", "steps"):
        yield from counts(name, argument, lambda value, a=argument: ledger(**{a: value}))
    yield row(name, "K=1", few_samples, ledger, K=1)
    message = "be a positive.* number; got "
    yield from values(name, "lr", NO_POSITIVE, message, lambda lr: ledger(lr=lr))
    message = "be 'exact' .*'ais', 'importance' or a tensor.*got "
    of_evidence = lambda log_evidence: ledger(log_evidence=log_evidence)  # noqa: E731
    yield from values(name, "log_evidence", ("exact", "best", 3.0), message, of_evidence)
    message = rf"log_evidence must {message}a Tensor of shape \(3,\)"
    yield row(name, "log_evidence of shape (3,)", message, ledger, log_evidence=data(3))
    for what, given, wrong in [
        ("of integers", data(4).long(), "floating point; got torch.int64"),
        ("not a number", data(4) + NAN, "finite"),
        ("on another device", data(4, device="meta"), "on cpu, as x is; got one on meta"),
    ]:
        of_evidence = partial(ledger, log_evidence=given)
        yield row(name, f"log_evidence {what}", f"log_evidence must be {wrong}", of_evidence)
    diverged = "lr must be a step size with which .* it diverged with 1e\\+30"
    yield row(name, "lr far too large", diverged, ledger, lr=1e30, steps=3)
    message = "q of Independent.* or MultivariateNormal; got"
    half = returns(Independent(HalfNormal(torch.ones(4, 2)), 1))
    yield row(name, "q no Gaussian", message, ledger, q=half)


def rows_of_looking_inside():
    name = "active_units"
    yield from no_data(name, lambda x: active_units(encoder(), x))
    yield from no_encoders(name, lambda q: active_units(q, data()))
    two = "x must hold at least two data"
    yield from shapes(name, two, lambda x: active_units(encoder(), x), (1, 3))
    wrong = (-0.1, NAN, INF, "0.01", None, True)
    call = partial(active_units, encoder(), data())
    yield from values(name, "threshold", wrong, ".* number.*; got ", call)

    name = "reconstruct"
    yield from no_data(name, lambda x: reconstruct(vae(), encoder(), x))
    yield from no_encoders(name, lambda q: reconstruct(vae(), q, data()))
    no_decoder, tensor = "model must have a decoder; got Model", vae(decoder=returns(data()))
    call, nothing = partial(reconstruct, q=encoder(), x=data()), vae(decoder=returns(None))
    yield row(name, "no decoder", no_decoder, call, Model(data))
    yield row(name, "decoder returns a tensor", f"{NO_DENSITY} Tensor", call, tensor)
    yield row(name, "decoder returns None", f"{NO_DENSITY} NoneType", call, nothing)
    more = (
        r"model.decoder must take what q draws, shape \(4, 2\), and nothing else: .* by you: .*mean"
    )
    labelled = vae(decoder=lambda z, y: normal(4, 3))
    yield row(name, "a decoder of z and y, joined", more, call, vae(decoder=GaussianDecoder(5, 3)))
    yield row(name, "a decoder of z and of y", more, call, labelled)

    name = "interpolate"
    yield from counts(name, "n", lambda n: interpolate(vae(), encoder(), data(), data(), n))
    message = r"x_from and x_to must have one shape; got \(4, 3\), \(5, 3\)"
    yield row(name, "two shapes", message, interpolate, vae(), encoder(), data(), data(5, 3), 2)
    of_first = partial(interpolate, vae(), encoder(), x_to=data(), n=2)
    of_last = partial(interpolate, vae(), encoder(), data(), n=2)
    yield from no_tensors(name, "x_from", of_first, ".*must .*got .*")
    yield from no_tensors(name, "x_to", of_last, ".*must .*got .*")
    yield from not_finite(name, of_first, r"x(_from)?")
    yield from kinds(name, of_last, r"x(_to)?")
    yield from no_encoders(name, lambda q: interpolate(vae(), q, data(), data(), 2))
    call = partial(interpolate, q=encoder(), x_from=data(), x_to=data(), n=2)
    yield row(name, "no decoder", no_decoder, call, Model(data))
    yield row(name, "decoder returns a tensor", f"{NO_DENSITY} Tensor", call, tensor)


def rows_of_data():
    no_flag, flag = ("yes", 1, None), "be True or False; got "
    yield from values("digits", "binary", no_flag, flag, digits)
    yield from values("digits", "labels", no_flag, flag, lambda labels: digits(labels=labels))
    message, integer = "be None, 'threshold' or 'stochastic'; got ", "be an integer; got "
    for images in (mnist, fashion_mnist):
        name = images.__name__
        yield from values(name, "binarize", ("stochastically", True, 0.5), message, images)
        yield row(name, "labels=1", f"labels must {flag}1", images, labels=1)
        of_seed = lambda seed, f=images: f(seed=seed)  # noqa: E731
        yield from values(name, "seed", NO_SEED, integer, of_seed)
    name, wanted = "FreshPixels", r"p must be a floating-point tensor of shape \(N, X\)"
    yield from shapes(name, wanted, FreshPixels, (3,), ())
    yield from no_tensors(name, "p", FreshPixels)
    message = r"p must be a floating-point tensor .*; got \(4, 3\) of torch.uint8"
    yield row(name, "bytes", message, FreshPixels, data(dtype=torch.uint8))
    sparse = "p must be a dense tensor; got one of layout torch.sparse_coo"
    yield row(name, "sparse", sparse, FreshPixels, data().to_sparse())
    epoch = "epoch must be an integer of at least 0; got -1"
    yield row(name, "epoch -1", epoch, FreshPixels(data()), -1)
    message = r"p must hold grey values in \[0, 1\]; got "
    for value in (-0.1, 1.1, NAN):
        yield row(name, f"p with {value}", message, FreshPixels, x_with(value))
    yield from values(name, "seed", NO_SEED, integer, partial(FreshPixels, data()))
    yield from values("two_moons", "seed", NO_SEED, integer, lambda s: two_moons(3, seed=s))
    yield from counts("two_moons", "n", two_moons)
    wrong, message = (-0.1, NAN, INF, "0.1", None, True), "not be negative, .*number; got "
    yield from values("two_moons", "noise", wrong, message, lambda noise: two_moons(3, noise=noise))


def rows_of_fit():
    def train(bound=elbo, **more):
        given = {"model": vae(), "q": encoder(), "x": data(), "K": 1, "steps": 1}
        return fit(bound, **{**given, **more})

    def of(argument, **more):
        return lambda value: train(**{argument: value, **more})

    name = "fit"
    for argument in ("K", "steps", "record_every"):
        yield from counts(name, argument, of(argument))
    yield from counts(name, "batch_size", of("batch_size"), NO_COUNT[:-1])
    yield from counts(name, "patience", of("patience", held_out=data()), NO_COUNT[:-1])
    for argument, no_tensor in {"x": NO_TENSOR, "held_out": NO_TENSOR[:-1]}.items():
        wanted = rf"{argument} must be a tensor of shape \(N, X\), N at least 1"
        yield from shapes(name, wanted, of(argument), (3,), (0, 3), ())
        yield from not_finite(name, of(argument), argument)
        yield from no_tensors(
            name, argument, of(argument), "must be a tensor of shape .*got ", no_tensor
        )
    yield from shapes(name, X_WANTED, of("x"), (4, 7))
    yield from kinds(name, of("x"))
    batches = "x must be all data in one tensor, .*x=lambda epoch: ...; got "
    for some in (TensorDataset(data()), DataLoader(TensorDataset(data()))):
        kind = type(some).__name__
        yield row(name, f"x a {kind}", batches + kind, train, x=some)
    for argument in ("x", "held_out"):
        message = f"{argument} must be a dense tensor; got one of layout torch.sparse_coo"
        yield row(name, f"sparse {argument}", message, of(argument), data().to_sparse())
    yield row(name, "model and q swapped", SWAPPED, train, model=encoder(), q=vae())
    message = "x must be a tensor.*got NoneType"
    yield row(name, "x a function of nothing", message, train, x=lambda epoch: None)
    message = "be a positive.* number; got "
    yield from values(name, "lr", NO_POSITIVE, message, of("lr"))
    yield from values(name, "eps", (0.0, -1.0, NAN, None, True), message, of("eps"))
    wrong = (None, 0.9, (0.9,), [0.9, 0.999], (0.9, 1.0), (-0.1, 0.9), (NAN, 0.9), (True, 0.9))
    message = r"be a tuple of two numbers.*; got "
    yield from values(name, "betas", wrong, message, of("betas"))
    message = "be a positive.* number; got "
    yield from values(name, "clip", (0.0, -1.0, NAN, "1", True), message, of("clip"))
    yield from values(name, "seed", NO_SEED, "be an integer; got ", of("seed"))
    message = "be 'constant' or 'cosine' or a callable; got "
    yield from values(name, "schedule", ("linear", 3, None, ["cosine"]), message, of("schedule"))
    yield row(name, "patience, nothing held out", "patience needs held_out data", train, patience=2)
    yield from values(name, "callback", (3, "print"), "be .*call.*; got .*", of("callback"))
    for bound, got in {None: "None", "elbo": "(str|'elbo')", 3.0: "(float|3.0)"}.items():
        yield row(name, f"bound={bound!r}", f"bound must be .*call.*; got .*{got}", train, bound)
    message = r"bound must return one value per datum, shape \(4,\); got"
    for what, bound, got in [
        ("None", lambda *given: None, "NoneType"),
        ("a number", lambda model, q, x, K: elbo(model, q, x, K).mean(), r"\(\)"),
        ("every weight", log_weights, r"\(1, 4\)"),
    ]:
        yield row(name, f"bound returns {what}", f"{message} {got}", train, bound)
    yield from no_models(name, of("model"))
    yield from no_encoders(name, of("q"))
    message, frozen = "neither model nor q has a parameter to train", vae().requires_grad_(False)
    yield row(name, "nothing to train", message, train, model=frozen, q=lambda x: normal(4, 2))
    yield from values(name, "checkpoint", (3, ["a"]), "be .*path.*; got .*", of("checkpoint"))


BOUNDS = (log_weights, elbo, elbo_kl, elbo_score, elbo_stl, iwae, iwae_dreg, log_likelihood)
OF_WEIGHTS = (log_mean_exp, jensen_gap, normalized_weights, effective_sample_size)
ROWS = [
    *rows_of_models(),
    *rows_of_log_joint(),
    *rows_of_solved_models(),
    *rows_of_ppca_and_monte_carlo(),
    *rows_of_proxies(),
    *(row for function in OF_WEIGHTS for row in rows_of_weights(function)),
    *(row for bound in BOUNDS for row in rows_of_bound(bound)),
    *rows_of_more_about_bounds(),
    *rows_of_estimates(),
    *rows_of_looking_inside(),
    *rows_of_data(),
    *rows_of_fit(),
]


@pytest.mark.parametrize("call, message", ROWS)
def test_a_bad_call_is_refused_by_name(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def public():
    """Names of what can be called in the modules of the table: functions, classes, methods."""
    for module in MODULES:
        source = importlib.import_module(f"vaelib.{module}")
        for name in source.__all__:
            yield name
            if inspect.isclass(thing := getattr(source, name)):
                for method, value in vars(thing).items():
                    is_public = not method.startswith("_") and method != "forward"
                    if inspect.isroutine(value) and is_public:
                        yield f"{name}.{method}"
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
