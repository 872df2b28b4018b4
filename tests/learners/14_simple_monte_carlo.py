import math

import torch
from torch.distributions import Normal

from learners import right, wrong


@wrong("seed-inside")
def the_same_guesses_in_each_call(model, x, K):
    torch.manual_seed(K)
    z = model.prior().sample((K, len(x)))
    return model.decoder(z).log_prob(x).logsumexp(0) - math.log(K)


@wrong("nothing-drawn")
def the_exact_value(model, x, K):
    return model.log_evidence(x).detach()


@right
def all_at_once(model, x, K):
    z = model.prior().sample((K, x.shape[0]))
    return model.decoder(z).log_prob(x).logsumexp(0) - math.log(K)


@right
def datum_by_datum(model, x, K):
    answer = []
    for datum in x:
        log_p = model.decoder(model.prior().sample((K,))).log_prob(datum)
        answer.append(log_p.logsumexp(0) - math.log(K))
    return torch.stack(answer)


@right
def guess_by_guess(model, x, K):
    total = torch.full((len(x),), -math.inf)
    for _ in range(K):
        z = model.prior().sample((len(x),))
        total = torch.logaddexp(total, model.log_joint(x, z) - model.prior().log_prob(z))
    return total - math.log(K)


@right
def with_the_maximum(model, x, K):
    log_p = model.decoder(torch.randn(K, len(x), model.weight.shape[1])).log_prob(x)
    m = log_p.max(0).values
    return m + (log_p - m).exp().mean(0).log()


@wrong("log-k-missing")
def log_of_the_total(model, x, K):
    z = torch.randn(K, len(x), model.weight.shape[1])
    return torch.logsumexp(model.decoder(z).log_prob(x), dim=0)


@wrong("log-of-mean-of-logs")
def running_mean_of_logs(model, x, K):
    total = torch.zeros(len(x))
    for _ in range(K):
        total = total + model.decoder(model.prior().sample((len(x),))).log_prob(x)
    return total / K


@wrong("no-maximum")
def guess_and_average(model, x, K):
    z = model.prior().sample((K, len(x)))
    return model.decoder(z).log_prob(x).exp().mean(0).log()


@wrong("prior-twice")
def joint_at_the_guesses(model, x, K):
    z = model.prior().sample((K, len(x)))
    log_joint = model.decoder(z).log_prob(x) + model.prior().log_prob(z)
    return torch.logsumexp(log_joint, 0) - math.log(K)


@wrong("one-noise-for-all")
def the_same_guesses_for_everyone(model, x, K):
    z = model.prior().sample((K,))[:, None].expand(K, len(x), -1)
    return torch.logsumexp(model.decoder(z).log_prob(x), 0) - torch.tensor(float(K)).log()


@wrong("fewer-samples")
def forgot_to_use_k(model, x, K):
    return model.decoder(model.prior().sample((x.shape[0],))).log_prob(x)


@wrong("guess-not-divided")
def guesses_from_the_posterior(model, x, K):
    z = model.posterior(x).sample((K,))
    return torch.logsumexp(model.decoder(z).log_prob(x), dim=0) - math.log(K)


@wrong("mean-over-features")
def mean_over_the_pixels(model, x, K):
    z = model.prior().sample((K, len(x)))
    pixels = Normal(z @ model.weight.T + model.bias, model.sigma).log_prob(x)
    return torch.logsumexp(pixels.mean(-1), 0) - math.log(K)


@wrong("log-not-taken")
def the_average_itself(model, x, K):
    p = torch.zeros(len(x))
    for _ in range(K):
        p += model.decoder(model.prior().sample((len(x),))).log_prob(x).exp()
    return p / K


@wrong("wrong-axis")
def over_the_data(model, x, K):
    z = model.prior().sample((K, len(x)))
    return torch.logsumexp(model.decoder(z).log_prob(x), dim=-1) - math.log(K)


@wrong("sum-over-data")
def averaged_at_the_end(model, x, K):
    z = model.prior().sample((K, len(x)))
    return (torch.logsumexp(model.decoder(z).log_prob(x), 0) - math.log(K)).mean()


@wrong("no-maximum", "log-k-missing")
def summed_densities(model, x, K):
    z = model.prior().sample((K, len(x)))
    return model.decoder(z).log_prob(x).exp().sum(0).log()


@wrong("prior-twice", "log-k-missing")
def total_of_the_joint(model, x, K):
    return torch.logsumexp(model.log_joint(x, model.prior().sample((K, len(x)))), 0)


@wrong("maximum-of-all")
def one_maximum_for_all_data(model, x, K):
    log_p = model.decoder(model.prior().sample((K, len(x)))).log_prob(x)
    return log_p.max() + torch.exp(log_p - log_p.max()).mean(0).log()


@wrong("maximum-not-added")
def maximum_lost(model, x, K):
    log_p = model.decoder(model.prior().sample((K, len(x)))).log_prob(x)
    return torch.exp(log_p - log_p.max(0).values).mean(0).log()


@wrong("probability-clipped")
def a_small_number_added(model, x, K):
    log_p = model.decoder(model.prior().sample((K, len(x)))).log_prob(x)
    return torch.log(log_p.exp().mean(0) + 1e-10)


@wrong("counted-wrong")
def data_counted(model, x, K):
    log_p = model.decoder(model.prior().sample((K, len(x)))).log_prob(x)
    return torch.logsumexp(log_p, 0) - math.log(x.shape[0])


@wrong("counted-wrong")
def divided_after_the_logarithm(model, x, K):
    log_p = model.decoder(model.prior().sample((K, len(x)))).log_prob(x)
    return torch.logsumexp(log_p, 0) / K


@wrong("largest-only")
def best_guess(model, x, K):
    return model.decoder(model.prior().sample((K, len(x)))).log_prob(x).amax(0)


@wrong("not-averaged")
def every_guess(model, x, K):
    return model.decoder(model.prior().sample((K, len(x)))).log_prob(x)
