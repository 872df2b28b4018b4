import numpy as np
import torch
from torch import distributions as D

from learners import right, wrong


@right
def by_rsample(out, K):
    Z = out.shape[1] // 2
    return D.Independent(D.Normal(out[:, :Z], (out[:, Z:] / 2).exp()), 1).rsample((K,))


@right
def in_a_loop(out, K):
    mean, log_var = torch.chunk(out, 2, dim=1)
    return torch.stack([mean + torch.randn_like(mean) * torch.exp(0.5 * log_var) for _ in range(K)])


@right
def with_the_root_of_the_variance(out, K):
    mean, log_var = out.split(out.shape[-1] // 2, dim=-1)
    noise = torch.normal(0.0, 1.0, (K, *mean.shape))
    return torch.addcmul(mean, torch.sqrt(log_var.exp()), noise)


@right
def by_a_diagonal_covariance(out, K):
    mean, log_var = out.chunk(2, -1)
    return D.MultivariateNormal(mean, torch.diag_embed(log_var.exp())).rsample((K,))


@wrong("log-variance-without-half")
def exp_is_the_std(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    return mean + log_var.exp() * torch.randn((K, *mean.shape))


@wrong("log-variance-without-half")
def normal_takes_a_scale(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    return D.Normal(mean, torch.exp(log_var)).rsample([K])


@wrong("logarithm-for-value")
def output_is_the_std(out, K):
    Z = out.size(1) // 2
    mean, std = out[:, :Z], out[:, Z:]
    return mean + std * torch.randn(K, len(out), Z)


@wrong("one-noise-for-all")
def noise_without_a_batch(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    eps = torch.randn(K, 1, mean.shape[-1])
    return mean + eps * (log_var / 2).exp()


@wrong("one-noise-for-all")
def expanded_draw(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    z = mean + torch.randn_like(mean) * (0.5 * log_var).exp()
    return z.expand(K, -1, -1)


@wrong("one-noise-for-all")
def noise_of_one_latent(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    return mean + torch.randn(K, mean.shape[0], 1) * (log_var / 2).exp()


@wrong("sample-for-rsample")
def by_sample(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    return D.Normal(mean, (log_var / 2).exp()).sample((K,))


@wrong("sample-for-rsample")
def by_numpy(out, K):
    mean, log_var = np.split(out.detach().numpy(), 2, axis=1)
    generator = np.random.default_rng(torch.randint(1000, ()).item())
    return torch.from_numpy(generator.normal(mean, np.exp(log_var / 2), size=(K, *mean.shape)))


@wrong("wrongly-detached")
def sigma_is_data(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    with torch.no_grad():
        deviation = torch.randn(K, *mean.shape) * torch.exp(log_var / 2)
    return mean + deviation


@wrong("axes-swapped")
def data_first(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    draws = [mean + torch.randn_like(mean) * (log_var / 2).exp() for _ in range(K)]
    return torch.stack(draws, dim=1)


@wrong("squeezed-axis")
def no_axis_for_one_sample(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    return (mean + torch.randn(K, *mean.shape) * (log_var / 2).exp()).squeeze(0)


@wrong("heads-swapped")
def scale_first(out, K):
    log_var, mean = out.chunk(2, dim=1)
    return D.Normal(mean, (log_var / 2).exp()).rsample((K,))


@wrong("uniform-noise")
def rand_without_n(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    std = torch.exp(0.5 * log_var)
    return mean + std * torch.rand(K, *std.shape)


@wrong()
def student(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    return D.StudentT(3.0, mean, (log_var / 2).exp()).rsample((K,))


@wrong("log-variance-without-half", "sample-for-rsample")
def drawn_without_gradient(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    return torch.distributions.Normal(mean, log_var.exp()).sample((K,))


@wrong("log-variance-without-half", "one-noise-for-all")
def two_slips(out, K):
    mean, log_var = out.chunk(2, dim=-1)
    return mean + log_var.exp() * torch.randn(K, 1, mean.shape[1])


@wrong("seed-inside")
def seeded_for_the_same_numbers(out, K):
    torch.manual_seed(0)
    mean, log_var = out.chunk(2, 1)
    return mean + torch.exp(0.5 * log_var) * torch.randn(K, *mean.shape)


@wrong("logarithm-for-value")
def root_of_the_logarithm(out, K):
    mean, log_var = out.chunk(2, 1)
    return mean + log_var.abs().sqrt() * torch.randn(K, *mean.shape)


@wrong("logarithm-for-value")
def half_the_logarithm(out, K):
    mean, log_var = out.chunk(2, 1)
    return mean + 0.5 * log_var * torch.randn(K, *mean.shape)


@wrong("log-variance-without-half")
def halved_too_late(out, K):
    mean, log_var = out.chunk(2, 1)
    return mean + log_var.exp() / 2 * torch.randn(K, *mean.shape)


@wrong("mean-for-draw")
def means_repeated(out, K):
    mean, _ = out.chunk(2, 1)
    return mean.expand(K, -1, -1)


@wrong("fewer-samples")
def drawn_once(out, K):
    mean, log_var = out.chunk(2, 1)
    return mean + torch.exp(log_var / 2) * torch.randn_like(mean)


@wrong("uniform-noise")
def from_minus_one_to_one(out, K):
    mean, log_var = out.chunk(2, 1)
    return mean + torch.exp(log_var / 2) * (torch.rand(K, *mean.shape) * 2 - 1)
