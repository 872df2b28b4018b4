import torch
from torch.distributions import Normal

from learners import right, wrong


@right
def by_weighted_averages(x, weights, means, sigma):
    rho = torch.softmax(weights.log() + Normal(means, sigma).log_prob(x[:, None]), 1)
    new = torch.einsum("nc,n->c", rho, x) / rho.sum(0)
    variance = (rho * (x[:, None] - new) ** 2).sum(1).mean()
    return rho.mean(0), new, variance.sqrt()


@right
def by_second_moments(x, weights, means, sigma):
    log_joint = weights.log() - (x[:, None] - means) ** 2 / (2 * sigma**2)
    rho = (log_joint - torch.logsumexp(log_joint, 1, keepdim=True)).exp()
    share = rho.mean(0)
    new = (rho.T @ x) / len(x) / share
    return share, new, torch.sqrt((x**2).mean() - (share * new**2).sum())


@right
def species_by_species(x, weights, means, sigma):
    log_joint = torch.stack(
        [w.log() + Normal(m, sigma).log_prob(x) for w, m in zip(weights, means, strict=True)]
    )
    rho = torch.softmax(log_joint, 0)
    new, total = torch.zeros_like(means), 0.0
    for c in range(len(means)):
        new[c] = (rho[c] * x).sum() / rho[c].sum()
        total += (rho[c] * (x - new[c]) ** 2).sum()
    return rho.sum(1) / len(x), new, (total / len(x)) ** 0.5


@wrong("prior-missing")
def likelihoods_only(x, weights, means, sigma):
    rho = torch.softmax(Normal(means, sigma).log_prob(x[:, None]), 1)
    new = (rho.T @ x) / rho.sum(0)
    return rho.mean(0), new, (rho * (x[:, None] - new) ** 2).sum(1).mean().sqrt()


@wrong("hard-assignment")
def k_means(x, weights, means, sigma):
    nearest = (weights.log() + Normal(means, sigma).log_prob(x[:, None])).argmax(1)
    rho = torch.nn.functional.one_hot(nearest, len(means)).double()
    new = (rho.T @ x) / rho.sum(0)
    return rho.mean(0), new, (x - new[nearest]).square().mean().sqrt()


@wrong("old-means")
def spread_around_where_it_was(x, weights, means, sigma):
    rho = torch.softmax(weights.log() + Normal(means, sigma).log_prob(x[:, None]), 1)
    variance = (rho * (x[:, None] - means) ** 2).sum(1).mean()
    return rho.mean(0), (rho.T @ x) / rho.sum(0), variance.sqrt()


@wrong("variance-for-sigma")
def returns_a_variance(x, weights, means, sigma):
    rho = torch.softmax(weights.log() + Normal(means, sigma).log_prob(x[:, None]), 1)
    new = (rho.T @ x) / rho.sum(0)
    return rho.mean(0), new, (rho * (x[:, None] - new) ** 2).sum() / x.numel()


@wrong("mean-for-sum")
def mean_over_everything(x, weights, means, sigma):
    rho = torch.softmax(weights.log() + Normal(means, sigma).log_prob(x[:, None]), 1)
    new = (rho.T @ x) / rho.sum(0)
    return rho.mean(0), new, torch.mean(rho * (x[:, None] - new) ** 2).sqrt()


@wrong("wrong-count")
def means_over_all_data(x, weights, means, sigma):
    rho = torch.softmax(weights.log() + Normal(means, sigma).log_prob(x[:, None]), 1)
    new = (rho * x[:, None]).mean(0)
    return rho.mean(0), new, (rho * (x[:, None] - new) ** 2).sum(1).mean().sqrt()


@wrong("wrong-count")
def counts_for_weights(x, weights, means, sigma):
    rho = torch.softmax(weights.log() + Normal(means, sigma).log_prob(x[:, None]), 1)
    n = torch.einsum("nc->c", rho)
    new = (rho.T @ x) / n
    return n, new, ((rho * (x[:, None] - new) ** 2).sum() / n.sum()).sqrt()


@wrong("one-sigma-each")
def sigma_for_each_species(x, weights, means, sigma):
    rho = torch.softmax(weights.log() + Normal(means, sigma).log_prob(x[:, None]), 1)
    n = rho.sum(0)
    new = (rho.T @ x) / n
    return n / n.sum(), new, torch.sqrt((rho * (x[:, None] - new) ** 2).sum(0) / n)


@wrong("wrong-axis")
def normalised_over_petals(x, weights, means, sigma):
    rho = torch.softmax(weights.log() + Normal(means, sigma).log_prob(x[:, None]), 0)
    n = rho.sum(0)
    new = (rho.T @ x) / n
    return n / len(x), new, ((rho * (x[:, None] - new) ** 2).sum() / len(x)).sqrt()


@wrong("log-missing")
def weights_among_logs(x, weights, means, sigma):
    rho = torch.softmax(weights + Normal(means, sigma).log_prob(x[:, None]), 1)
    new = (rho.T @ x) / rho.sum(0)
    return rho.mean(0), new, (rho * (x[:, None] - new) ** 2).sum(1).mean().sqrt()


@wrong("no-maximum")
def densities_divided(x, weights, means, sigma):
    joint = weights * Normal(means, sigma).log_prob(x[:, None]).exp()
    rho = joint / joint.sum(1, keepdim=True)
    new = (rho.T @ x) / rho.sum(0)
    return rho.mean(0), new, (rho * (x[:, None] - new) ** 2).sum(1).mean().sqrt()


@wrong("old-means", "variance-for-sigma")
def variance_around_the_old_means(x, weights, means, sigma):
    rho = torch.softmax(weights.log() + Normal(means, sigma).log_prob(x[:, None]), 1)
    return rho.mean(0), (rho.T @ x) / rho.sum(0), (rho * (x[:, None] - means) ** 2).sum() / len(x)


@wrong("prior-missing", "one-sigma-each")
def own_sigmas_without_a_prior(x, weights, means, sigma):
    rho = torch.softmax(Normal(means, sigma).log_prob(x[:, None]), 1)
    n = rho.sum(0)
    new = (rho.T @ x) / n
    return n / len(x), new, ((rho * (x[:, None] - new) ** 2).sum(0) / n) ** 0.5
