import math

import torch
from torch.distributions import Independent, Normal

from learners import right, wrong

LOG_2PI = math.log(2 * math.pi)


@right
def in_one_line(model, q, x, K):
    return (model.log_joint(x, z := q(x).rsample((K,))) - q(x).log_prob(z)).mean(dim=0)


@right
def a_loop_over_samples(model, q, x, K):
    total = torch.zeros(len(x))
    for _ in range(K):
        q_z = q(x)
        z = q_z.rsample()
        total = total + model.log_joint(x, z) - q_z.log_prob(z)
    return total / K


@right
def noise_of_my_own(model, q, x, K):
    mu, std = q(x).mean, q(x).stddev
    eps = torch.randn(K, *mu.shape)
    z = mu + std * eps
    log_q = (-0.5 * eps**2 - std.log() - 0.5 * LOG_2PI).sum(-1)
    log_prior = (-0.5 * z**2 - 0.5 * LOG_2PI).sum(-1)
    return (model.decoder(z).log_prob(x) + log_prior - log_q).sum(0) / K


@right
def einsum_over_samples(model, q, x, K):
    q_z = q(x)
    z = torch.stack([q_z.rsample() for _ in range(K)])
    log_w = model.decoder(z).log_prob(x) + model.prior().log_prob(z) - q_z.log_prob(z)
    return torch.einsum("kb,k->b", log_w, torch.full((K,), 1 / K, dtype=log_w.dtype))


@wrong("seed-inside")
def the_same_noise_each_time(model, q, x, K):
    torch.manual_seed(0)
    q_z = q(x)
    z = q_z.rsample((K,))
    return (model.log_joint(x, z) - q_z.log_prob(z)).mean(0)


@wrong("averaged-first")
def importance_weighted(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    w = torch.exp(model.log_joint(x, z) - q_z.log_prob(z))
    return torch.log(w.mean(0))


@wrong("sum-over-samples")
def added_up_in_a_loop(model, q, x, K):
    q_z, bound = q(x), 0
    for z in q_z.rsample((K,)):
        bound = bound + model.log_joint(x, z) - q_z.log_prob(z)
    return bound


@wrong("sum-over-data")
def a_loss_for_the_batch(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    return torch.mean(model.log_joint(x, z) - q_z.log_prob(z))


@wrong("sum-over-data")
def a_sum_over_the_batch(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    return torch.sum(model.log_joint(x, z) - q_z.log_prob(z)) / K


@wrong("sample-for-rsample")
def under_no_grad(model, q, x, K):
    q_z = q(x)
    with torch.no_grad():
        z = q_z.mean + q_z.stddev * torch.randn(K, *q_z.mean.shape)
    return (model.log_joint(x, z) - q_z.log_prob(z)).mean(0)


@wrong("sample-for-rsample")
def drawn_and_stacked(model, q, x, K):
    q_z = q(x)
    z = torch.stack([q_z.sample() for _ in range(K)])
    return torch.mean(model.log_joint(x, z) - q_z.log_prob(z), 0)


@wrong("log-q-missing")
def mean_log_joint(model, q, x, K):
    z = q(x).rsample((K,))
    return (model.prior().log_prob(z) + model.decoder(z).log_prob(x)).mean(0)


@wrong("log-q-sign")
def entropy_subtracted(model, q, x, K):
    q_z = q(x)
    values = []
    for _ in range(K):
        z = q_z.rsample()
        values.append(model.log_joint(x, z) + q_z.log_prob(z))
    return torch.stack(values).mean(0)


@wrong("prior-missing")
def decoder_minus_log_q(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    log_lik = Normal(z @ model.weight.T + model.bias, model.sigma).log_prob(x).sum(-1)
    return (log_lik - q_z.log_prob(z)).mean(0)


@wrong("sign-flipped")
def the_usual_loss(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    return (q_z.log_prob(z) - model.log_joint(x, z)).mean(0)


@wrong("fewer-samples")
def k_is_not_used(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample()
    return model.log_joint(x, z) - q_z.log_prob(z)


@wrong("one-noise-for-all")
def noise_broadcast_over_the_batch(model, q, x, K):
    q_z = q(x)
    eps = torch.randn((K, q_z.event_shape[0])).unsqueeze(1)
    z = q_z.mean + q_z.stddev * eps
    return (model.log_joint(x, z) - q_z.log_prob(z)).mean(0)


@wrong("one-noise-for-all")
def one_noise_vector(model, q, x, K):
    mu, sigma = q(x).mean, q(x).stddev
    eps = torch.randn_like(mu[0])
    z = (mu + sigma * eps).repeat(K, 1, 1)
    return (model.log_joint(x, z) - Independent(Normal(mu, sigma), 1).log_prob(z)).mean(0)


@wrong("mean-for-draw")
def at_the_mean(model, q, x, K):
    q_z = q(x)
    z = q_z.mean
    return model.log_joint(x, z) - q_z.log_prob(z)


@wrong("wrongly-detached")
def q_held_constant_in_log_q(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    with torch.no_grad():
        log_q = q_z.log_prob(z)
    return (model.log_joint(x, z) - log_q).mean(0)


@wrong("kl-twice")
def weights_minus_kl(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    log_w = model.log_joint(x, z) - q_z.log_prob(z)
    m, v = q_z.mean, q_z.variance
    return log_w.mean(0) - 0.5 * (m**2 + v - 1 - v.log()).sum(-1)


@wrong("wrong-axis")
def averaged_over_the_data(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    return (model.log_joint(x, z) - q_z.log_prob(z)).mean(-1)


@wrong("log-q-missing", "sign-flipped")
def negative_log_joint(model, q, x, K):
    z = q(x).rsample((K,))
    return -model.log_joint(x, z).mean(0)


@wrong("sample-for-rsample", "sum-over-data")
def detached_and_averaged(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,)).detach()
    return (model.log_joint(x, z) - q_z.log_prob(z)).mean()


def drawn(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    return q_z, z, model.log_joint(x, z), q_z.log_prob(z)


@right
def data_repeated_as_a_block(model, q, x, K):
    rows = x.repeat(K, 1)
    q_z = q(rows)
    z = q_z.rsample()
    return (model.log_joint(rows, z) - q_z.log_prob(z)).view(K, -1).mean(0)


@right
def data_repeated_one_by_one(model, q, x, K):
    rows = x.repeat_interleave(K, dim=0)
    q_z = q(rows)
    z = q_z.rsample()
    return (model.log_joint(rows, z) - q_z.log_prob(z)).view(-1, K).mean(1)


@wrong("log-k-missing")
def log_of_a_sum(model, q, x, K):
    _, _, log_p, log_q = drawn(model, q, x, K)
    return (log_p - log_q).logsumexp(0)


@wrong("weights-for-logs")
def mean_of_the_weights(model, q, x, K):
    _, _, log_p, log_q = drawn(model, q, x, K)
    return (log_p - log_q).exp().mean(0)


@wrong("logs-divided")
def ratio_of_logarithms(model, q, x, K):
    _, _, log_p, log_q = drawn(model, q, x, K)
    return (log_p / log_q).mean(0)


@wrong("two-draws")
def drawn_twice(model, q, x, K):
    log_p = model.log_joint(x, q(x).rsample((K,)))
    return (log_p - q(x).log_prob(q(x).rsample((K,)))).mean(0)


@wrong("not-averaged")
def every_sample(model, q, x, K):
    _, _, log_p, log_q = drawn(model, q, x, K)
    return log_p - log_q


@wrong("axis-kept")
def mean_in_a_row(model, q, x, K):
    _, _, log_p, log_q = drawn(model, q, x, K)
    return (log_p - log_q).mean(0, keepdim=True)


@wrong("another-estimate")
def entropy_in_closed_form(model, q, x, K):
    q_z, _, log_p, _ = drawn(model, q, x, K)
    return log_p.mean(0) + q_z.entropy()


@wrong("fewer-samples")
def overwritten_in_the_loop(model, q, x, K):
    for _ in range(K):
        _, _, log_p, log_q = drawn(model, q, x, 1)
        bound = log_p - log_q
    return bound[0]


@wrong("uniform-noise")
def rand_for_randn(model, q, x, K):
    q_z = q(x)
    z = q_z.mean + q_z.stddev * torch.rand(K, *q_z.mean.shape)
    return (model.log_joint(x, z) - q_z.log_prob(z)).mean(0)


@wrong("variance-for-sigma")
def noise_times_the_variance(model, q, x, K):
    q_z = q(x)
    z = q_z.mean + q_z.variance * torch.randn(K, *q_z.mean.shape)
    return (model.log_joint(x, z) - q_z.log_prob(z)).mean(0)


@wrong("determinant-missing")
def noise_in_place_of_z(model, q, x, K):
    q_z = q(x)
    epsilon = torch.randn(K, *q_z.mean.shape)
    log_p = model.log_joint(x, q_z.mean + q_z.stddev * epsilon)
    return (log_p - Normal(0.0, 1.0).log_prob(epsilon).sum(-1)).mean(0)


@wrong("wrongly-detached")
def without_a_graph(model, q, x, K):
    with torch.no_grad():
        _, _, log_p, log_q = drawn(model, q, x, K)
        return (log_p - log_q).mean(0)


@wrong("wrongly-detached")
def landing_stuck(model, q, x, K):
    q_z, z, log_p, _ = drawn(model, q, x, K)
    still = Independent(Normal(q_z.mean.detach(), q_z.stddev.detach()), 1)
    return (log_p - still.log_prob(z)).mean(0)


@wrong()
def one_datum_after_the_other(model, q, x, K):
    """It would be right, but draws are written down for all data at once; it is told so."""
    bounds = []
    for datum in x.split(1):
        z = q(datum).rsample((K,))
        bounds.append((model.log_joint(datum, z) - q(datum).log_prob(z)).mean())
    return torch.stack(bounds)


@wrong("log-missing")
def density_for_its_logarithm(model, q, x, K):
    _, _, log_p, log_q = drawn(model, q, x, K)
    return (log_p - log_q.exp()).mean(0)


@wrong("wrong-count")
def divided_by_the_batch(model, q, x, K):
    _, _, log_p, log_q = drawn(model, q, x, K)
    return (log_p - log_q).sum(0) / x.shape[0]


@wrong("wrongly-detached")
def z_held_in_log_q(model, q, x, K):
    q_z, z, log_p, _ = drawn(model, q, x, K)
    return (log_p - q_z.log_prob(z.detach())).mean(0)
