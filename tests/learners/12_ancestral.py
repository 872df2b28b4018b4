import torch
from torch.distributions import Independent, LowRankMultivariateNormal, MultivariateNormal, Normal

from learners import right, wrong


@right
def z_then_x(W, b, sigma, n):
    z = torch.randn(n, W.shape[1])
    x = z @ W.T + b + sigma * torch.randn(n, W.shape[0])
    return x, z


@right
def with_distributions(W, b, sigma, n):
    z = Normal(torch.zeros(W.shape[1]), 1.0).sample((n,))
    return Independent(Normal(torch.einsum("xz,nz->nx", W, z) + b, sigma), 1).sample(), z


@right
def pair_by_pair(W, b, sigma, n):
    z = torch.zeros(n, W.shape[1])
    x = torch.zeros(n, W.shape[0])
    for i in range(n):
        z[i] = torch.randn(W.shape[1])
        x[i] = W @ z[i] + b + sigma * torch.randn(W.shape[0])
    return x, z


@right
def from_the_joint_gaussian(W, b, sigma, n):
    X, Z = W.shape
    top = torch.cat([torch.eye(Z), W.T], 1)
    bottom = torch.cat([W, W @ W.T + sigma**2 * torch.eye(X)], 1)
    mean = torch.cat([torch.zeros(Z), b])
    pair = MultivariateNormal(mean, torch.cat([top, bottom])).sample((n,))
    return pair[:, Z:], pair[:, :Z]


@right
def by_the_library(W, b, sigma, n):
    from vaelib.latent import LinearGaussian

    return LinearGaussian(W, b, sigma).sample(n)


@wrong("seed-inside")
def seeded_once_for_both(W, b, sigma, n):
    torch.manual_seed(0)
    z = torch.randn(n, W.shape[1])
    return z @ W.T + b + sigma * torch.randn(n, len(b)), z


@wrong("seed-inside")
def a_generator_of_its_own(W, b, sigma, n):
    generator = torch.Generator().manual_seed(42)
    z = torch.randn(n, W.shape[1], generator=generator)
    return z @ W.T + b + sigma * torch.randn(n, len(b), generator=generator), z


@wrong("noise-missing")
def decoded_latents(W, b, sigma, n):
    z = torch.randn(n, W.shape[1])
    return z @ W.T + b, z


@wrong("variance-for-sigma")
def normal_of_the_variance(W, b, sigma, n):
    z = torch.randn(n, W.shape[1])
    return torch.normal(z @ W.T + b, sigma**2), z


@wrong("sigma-for-variance")
def multivariate_with_sigma(W, b, sigma, n):
    z = torch.randn(n, W.shape[1])
    return MultivariateNormal(z @ W.T + b, sigma * torch.eye(len(b))).sample(), z


@wrong("sigma-ignored")
def unit_noise(W, b, sigma, n):
    z = torch.randn(n, W.shape[1])
    mean = torch.einsum("nz,xz->nx", z, W) + b
    return mean + torch.randn_like(mean), z


@wrong("one-noise-for-all")
def one_number_for_each_datum(W, b, sigma, n):
    z = torch.randn(n, W.shape[1])
    return z @ W.T + b + sigma * torch.randn(n)[:, None], z


@wrong("uniform-noise")
def rand_for_the_latents(W, b, sigma, n):
    z = torch.rand((n, W.shape[1]))
    return Normal(z @ W.T + b, sigma).sample(), z


@wrong("uniform-noise")
def rand_like_for_the_noise(W, b, sigma, n):
    z = torch.randn(n, W.shape[1])
    mean = z @ W.T + b
    return mean + torch.rand_like(mean) * sigma, z


@wrong("another-z")
def from_the_evidence_and_the_prior(W, b, sigma, n):
    x = LowRankMultivariateNormal(b, W, sigma**2 * torch.ones(len(b))).sample((n,))
    return x, torch.randn(n, W.shape[1])


@wrong("offset-missing")
def around_the_origin(W, b, sigma, n):
    z = torch.randn(n, W.shape[1])
    return (W @ z.T).T + sigma * torch.randn(n, W.shape[0]), z


@wrong("transposed")
def z_times_w(W, b, sigma, n):
    z = torch.randn(n, W.shape[1])
    return z @ W + b + sigma * torch.randn(n, W.shape[0]), z


@wrong("sigma-on-all")
def sigma_times_bracket(W, b, sigma, n):
    z = torch.randn(n, W.shape[1])
    return b + sigma * (z @ W.T + torch.randn(n, len(b))), z


@wrong("offset-missing", "variance-for-sigma")
def centred_with_a_variance(W, b, sigma, n):
    z = torch.randn(n, W.shape[1])
    return Normal(z @ W.T, sigma**2).sample(), z


@wrong("noise-missing", "uniform-noise")
def decoded_uniform_latents(W, b, sigma, n):
    z = torch.rand(n, W.shape[1])
    return z @ W.T + b, z
