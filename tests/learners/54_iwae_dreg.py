import torch
import torch.nn.functional as F
from torch.distributions import Independent, Normal

from learners import right, wrong
from vaelib.iwae import iwae, iwae_dreg
from vaelib.jensen import log_mean_exp


@right
def dreg_of_the_library(model, q, x, K):
    return iwae_dreg(model, q, x, K)


@right
def dreg_with_a_hook(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    frozen = Normal(q_z.mean.detach(), q_z.stddev.detach())
    log_w = model.log_joint(x, z) - frozen.log_prob(z).sum(-1)
    with torch.no_grad():
        w_tilde = torch.exp(log_w - torch.logsumexp(log_w, 0, keepdim=True)).unsqueeze(-1)
    z.register_hook(lambda grad: w_tilde * grad)
    return log_mean_exp(log_w)


@right
def dreg_in_two_parts(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    still = z.detach()
    q_bar = Independent(Normal(q_z.mean.detach(), q_z.stddev.detach()), 1)
    w_tilde = (model.log_joint(x, still) - q_bar.log_prob(still)).softmax(0).detach()
    for_model = w_tilde * model.log_joint(x, still)
    moved = model.log_joint(x, z) - model.log_joint(x, still)
    for_encoder = w_tilde**2 * (moved - q_bar.log_prob(z))
    s = (for_model + for_encoder).sum(0)
    value = log_mean_exp(model.log_joint(x, still) - q_bar.log_prob(still)).detach()
    return value + s - s.detach()


@right
def dreg_by_detached_scale(model, q, x, K):
    q_z = q(x)
    mu, sigma = q_z.mean, q_z.stddev
    z = q_z.rsample((K,))
    eps = ((z - mu) / sigma).detach()
    q_bar = Independent(Normal(mu.detach(), sigma.detach()), 1)
    w_tilde = (model.log_joint(x, z) - q_bar.log_prob(z)).softmax(0).detach()
    # The same place, but the way back into the encoder is scaled by the share.
    moved = w_tilde[..., None] * (mu + sigma * eps)
    z = z.detach() + moved - moved.detach()
    return log_mean_exp(model.log_joint(x, z) - q_bar.log_prob(z))


def parts_of(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    q_bar = Independent(Normal(q_z.mean.detach(), q_z.stddev.detach()), 1)
    return z, model.log_joint(x, z), q_bar.log_prob(z)


@wrong("weighted-once")
def dreg_without_a_hook(model, q, x, K):
    _, log_p, log_q = parts_of(model, q, x, K)
    return log_mean_exp(log_p - log_q)


@wrong("score-term-kept")
def dreg_with_living_q(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    log_w = model.log_joint(x, z) - q_z.log_prob(z)
    w_tilde = torch.softmax(log_w, 0).detach()
    z.register_hook(lambda grad: grad * w_tilde.unsqueeze(-1))
    return log_mean_exp(log_w)


@wrong("model-weighted-twice")
def dreg_squares_for_all(model, q, x, K):
    _, log_p, log_q = parts_of(model, q, x, K)
    log_w = log_p - log_q
    s = (F.softmax(log_w, 0).detach().pow(2) * log_w).sum(0)
    return log_mean_exp(log_w).detach() + (s - s.detach())


@wrong("weighted-thrice")
def dreg_squares_in_the_hook(model, q, x, K):
    z, log_p, log_q = parts_of(model, q, x, K)
    w_tilde = torch.softmax(log_p - log_q, 0).detach()
    z.register_hook(lambda grad: torch.einsum("kb,kbz->kbz", w_tilde**2, grad))
    return log_mean_exp(log_p - log_q)


@wrong("surrogate-returned")
def dreg_surrogate(model, q, x, K):
    z, log_p, log_q = parts_of(model, q, x, K)
    log_w = log_p - log_q
    with torch.no_grad():
        w_tilde = torch.softmax(log_w, 0)
    if z.requires_grad:
        z.register_hook(lambda grad: w_tilde.unsqueeze(-1) * grad)
    return (w_tilde * log_w).sum(0)


@wrong("weights-not-detached")
def dreg_weights_alive(model, q, x, K):
    z, log_p, log_q = parts_of(model, q, x, K)
    log_w = log_p - log_q
    w_tilde = log_w.softmax(0)
    z.register_hook(lambda grad: w_tilde[:, :, None] * grad)
    s = torch.einsum("kb,kb->b", w_tilde, log_w)
    return (log_mean_exp(log_w) - s).detach() + s


@wrong("log-of-mean-of-logs")
def dreg_is_stl(model, q, x, K):
    _, log_p, log_q = parts_of(model, q, x, K)
    return torch.mean(log_p - log_q, dim=0)


@wrong("log-k-missing")
def dreg_of_the_sum(model, q, x, K):
    z, log_p, log_q = parts_of(model, q, x, K)
    log_w = log_p - log_q
    log_sum = torch.logsumexp(log_w, 0)
    w_tilde = (log_w - log_sum).exp().detach()
    z.register_hook(lambda grad: w_tilde[..., None] * grad)
    return log_sum


@wrong("wrong-axis")
def dreg_shares_along_the_batch(model, q, x, K):
    z, log_p, log_q = parts_of(model, q, x, K)
    log_w = log_p - log_q
    w_tilde = F.softmax(log_w, dim=-1).detach()
    z.register_hook(lambda grad: w_tilde[..., None] * grad)
    s = (w_tilde * log_w).sum(0)
    return log_mean_exp(log_w).detach() + s - s.detach()


@wrong("wrongly-detached")
def dreg_with_constant_log_q(model, q, x, K):
    z, log_p, log_q = parts_of(model, q, x, K)
    log_w = log_p - log_q.detach()
    w_tilde = torch.softmax(log_w, 0).detach()
    z.register_hook(lambda grad: w_tilde[..., None] * grad)
    return log_mean_exp(log_w)


@wrong("sample-for-rsample")
def dreg_without_a_path(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    q_bar = Independent(Normal(q_z.mean.detach(), q_z.stddev.detach()), 1)
    log_w = model.log_joint(x, z) - q_bar.log_prob(z)
    if z.requires_grad:
        w_tilde = torch.softmax(log_w, 0).detach()
        z.register_hook(lambda grad: w_tilde[..., None] * grad)
    return log_mean_exp(log_w)


@wrong("no-maximum")
def dreg_of_naked_weights(model, q, x, K):
    z, log_p, log_q = parts_of(model, q, x, K)
    log_w = log_p - log_q
    w_tilde = torch.softmax(log_w, 0).detach()
    z.register_hook(lambda grad: w_tilde[..., None] * grad)
    return log_w.exp().mean(0).log()


def hooked(shares, value=log_mean_exp):
    def bound(model, q, x, K):
        z, log_p, log_q = parts_of(model, q, x, K)
        log_w = log_p - log_q
        w = shares(log_w).detach()
        z.register_hook(lambda grad: w[..., None] * grad)
        return value(log_w)

    return bound


@wrong("wrong-axis")
def dreg_hook_along_the_batch(model, q, x, K):
    return hooked(lambda log_w: log_w.softmax(1))(model, q, x, K)


@wrong("softmax-of-losses")
def dreg_hook_of_losses(model, q, x, K):
    return hooked(lambda log_w: F.softmax(-log_w, 0))(model, q, x, K)


@wrong("not-normalised")
def dreg_hook_of_weights(model, q, x, K):
    return hooked(lambda log_w: torch.exp(log_w - log_w.max(0).values))(model, q, x, K)


@wrong("sign-flipped")
def dreg_as_a_loss(model, q, x, K):
    return -hooked(lambda log_w: log_w.softmax(0))(model, q, x, K)


@wrong("log-of-mean-of-logs")
def dreg_hook_on_the_elbo(model, q, x, K):
    return hooked(lambda log_w: log_w.softmax(0), lambda log_w: log_w.mean(0))(model, q, x, K)


@wrong("score-term-kept")
def dreg_with_living_deviation(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    q_bar = Independent(Normal(q_z.mean.detach(), q_z.stddev), 1)
    log_w = model.log_joint(x, z) - q_bar.log_prob(z)
    w_tilde = torch.softmax(log_w, 0).detach()
    z.register_hook(lambda grad: w_tilde[..., None] * grad)
    return log_mean_exp(log_w)


@wrong("weighted-once", "score-term-kept")
def dreg_is_plain_iwae(model, q, x, K):
    return iwae(model, q, x, K)


@wrong("surrogate-returned", "model-weighted-twice")
def dreg_sum_of_squares(model, q, x, K):
    _, log_p, log_q = parts_of(model, q, x, K)
    log_w = log_p - log_q
    return (torch.softmax(log_w, 0).detach() ** 2 * log_w).sum(0)
