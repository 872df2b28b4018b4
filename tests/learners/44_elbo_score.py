import math

import torch

from learners import right, wrong


@right
def value_plus_nothing(model, q, x, K):
    q_z = q(x)
    with torch.no_grad():
        z = q_z.sample((K,))
    log_p, log_q = model.log_joint(x, z), q_z.log_prob(z)
    log_w = (log_p - log_q).detach()
    surrogate = log_p + log_w * log_q
    return (log_p - log_q).detach().mean(0) + (surrogate - surrogate.detach()).mean(0)


@right
def with_a_factor_of_one(model, q, x, K):
    """exp(log q − log q) is one, and its derivative is the score."""
    q_z, bound = q(x), 0
    for _ in range(K):
        z = q_z.sample()
        log_q = q_z.log_prob(z)
        one = torch.exp(log_q - log_q.detach())
        log_p = model.log_joint(x, z)
        bound = bound + (log_p - log_q).detach() * one + log_p - log_p.detach()
    return bound / K


@right
def path_cut_by_hand(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,)).detach()
    log_w = model.log_joint(x, z) - q_z.log_prob(z)
    # log_w.grad in phi is minus the score, so one score more makes up for it
    weight = log_w.detach() + 1
    log_q = q_z.log_prob(z)
    return torch.mean(log_w + weight * (log_q - log_q.detach()), dim=0)


@wrong("surrogate-returned")
def reinforce_loss(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    log_q = q_z.log_prob(z)
    reward = (model.log_joint(x, z) - log_q).detach()
    return (reward * log_q).mean(0)


@wrong("surrogate-returned")
def bound_plus_surrogate(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    log_p, log_q = model.log_joint(x, z), q_z.log_prob(z)
    return (log_p - log_q.detach() + (log_p - log_q).detach() * log_q).mean(0)


@wrong("path-and-score")
def forgot_to_stop_at_z(model, q, x, K):
    q_z = q(x)
    z = q_z.rsample((K,))
    log_q = q_z.log_prob(z)
    log_w = model.log_joint(x, z) - log_q
    return (log_w + log_w.detach() * (log_q - log_q.detach())).mean(0)


@wrong("score-twice")
def score_within_the_weight(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    log_q = q_z.log_prob(z)
    log_w = model.log_joint(x, z) - log_q
    pairs = zip(log_w, log_q, strict=True)
    return torch.stack([w + w.detach() * (lq - lq.detach()) for w, lq in pairs]).mean(0)


@wrong("pathwise-for-score")
def the_elbo_again(model, q, x, K):
    q_z = q(x)
    z = torch.stack([q_z.rsample() for _ in range(K)])
    return (model.log_joint(x, z) - q_z.log_prob(z)).mean(0)


@wrong("score-missing")
def sample_only(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    return (model.log_joint(x, z) - q_z.log_prob(z)).mean(0)


@wrong("score-sign")
def a_loss_in_a_bound(model, q, x, K):
    """Half of it is written as a loss to be minimised."""
    q_z = q(x)
    z = q_z.sample((K,))
    log_p, log_q = model.log_joint(x, z), q_z.log_prob(z)
    log_w = (log_p - log_q).detach()
    reinforce = -(log_w * log_q)
    return (log_w + log_p - log_p.detach() + reinforce - reinforce.detach()).mean(0)


@wrong("means-multiplied")
def mean_reward_times_mean_score(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    log_p, log_q = model.log_joint(x, z).mean(0), q_z.log_prob(z).mean(0)
    log_w = (log_p - log_q).detach()
    return log_p - log_q.detach() + log_w * (log_q - log_q.detach())


@wrong("wrongly-detached")
def everything_in_the_value_detached(model, q, x, K):
    q_z = q(x)
    with torch.no_grad():
        z = q_z.sample((K,))
        log_w = model.log_joint(x, z) - q_z.log_prob(z)
    log_q = q_z.log_prob(z)
    return (log_w + log_w * (log_q - log_q.detach())).mean(0)


@wrong("log-q-missing")
def reward_is_the_joint(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    log_p, log_q = model.log_joint(x, z), q_z.log_prob(z)
    return (log_p - log_q.detach() + log_p.detach() * (log_q - log_q.detach())).mean(0)


@wrong("sum-over-samples")
def one_after_the_other_added(model, q, x, K):
    q_z = q(x)
    out = torch.zeros(x.shape[0])
    for _ in range(K):
        z = q_z.sample()
        lq = q_z.log_prob(z)
        lw = model.log_joint(x, z) - lq.detach()
        out = out + lw + lw.detach() * (lq - lq.detach())
    return out


@wrong("prior-missing")
def likelihood_as_reward(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    log_q = q_z.log_prob(z)
    log_w = model.decoder(z).log_prob(x) - log_q.detach()
    return (log_w + log_w.detach() * (log_q - log_q.detach())).mean(0)


@wrong("surrogate-returned", "sum-over-samples")
def reinforce_sum(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    log_q = q_z.log_prob(z)
    return ((model.log_joint(x, z) - log_q).detach() * log_q).sum(0)


def scored(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    log_q = q_z.log_prob(z)
    return model.log_joint(x, z) - log_q.detach(), log_q, log_q - log_q.detach()


@right
def a_box_of_value_one(model, q, x, K):
    log_w, _, nothing = scored(model, q, x, K)
    return (log_w * nothing.exp()).mean(0)


@wrong("surrogate-returned")
def joint_and_surrogate(model, q, x, K):
    log_w, log_q, _ = scored(model, q, x, K)
    return (log_w + log_q.detach() + log_w.detach() * log_q).mean(0)


@wrong("surrogate-returned")
def product_of_logarithms(model, q, x, K):
    q_z = q(x)
    z = q_z.sample((K,))
    return ((model.log_joint(x, z) - q_z.log_prob(z)) * q_z.log_prob(z)).mean(0)


@wrong("weights-for-logs")
def weights_times_score(model, q, x, K):
    log_w, _, nothing = scored(model, q, x, K)
    return (log_w + log_w.detach().exp() * nothing).mean(0)


@wrong("own-draw-in-baseline")
def mean_as_a_baseline(model, q, x, K):
    log_w, _, nothing = scored(model, q, x, K)
    return (log_w + (log_w - log_w.mean(0)).detach() * nothing).mean(0)


@wrong("log-q-sign")
def log_q_added(model, q, x, K):
    log_w, log_q, nothing = scored(model, q, x, K)
    log_w = log_w + 2 * log_q.detach()
    return (log_w + log_w.detach() * nothing).mean(0)


@wrong("sum-over-samples")
def scores_added(model, q, x, K):
    log_w, _, nothing = scored(model, q, x, K)
    return log_w.mean(0) + (log_w.detach() * nothing).sum(0)


@wrong("averaged-first")
def log_of_the_mean(model, q, x, K):
    log_w, _, nothing = scored(model, q, x, K)
    return torch.logsumexp(log_w + log_w.detach() * nothing, 0) - math.log(K)


@wrong("not-averaged")
def not_reduced(model, q, x, K):
    log_w, _, nothing = scored(model, q, x, K)
    return log_w + log_w.detach() * nothing


@wrong("fewer-samples")
def one_draw(model, q, x, K):
    log_w, _, nothing = scored(model, q, x, 1)
    return (log_w + log_w.detach() * nothing)[0]


@wrong("sum-over-data")
def one_number_for_all(model, q, x, K):
    log_w, _, nothing = scored(model, q, x, K)
    return (log_w + log_w.detach() * nothing).mean()


@right
def factor_not_detached(model, q, x, K):
    """The factor's own gradient meets a zero, so detaching it is a courtesy."""
    log_w, _, nothing = scored(model, q, x, K)
    return (log_w + log_w * nothing).mean(0)


@wrong("wrongly-detached")
def value_without_a_graph(model, q, x, K):
    log_w, _, _ = scored(model, q, x, K)
    return log_w.detach().mean(0)


@wrong("sum-over-data")
def all_data_in_one_sum(model, q, x, K):
    log_w, _, nothing = scored(model, q, x, K)
    return (log_w + log_w.detach() * nothing).mean(0).sum()
