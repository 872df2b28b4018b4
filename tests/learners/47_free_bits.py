import math

import torch

from learners import right, wrong


@right
def with_maximum(reconstruction, kl, lam):
    return reconstruction.mean() - torch.maximum(kl.mean(0), torch.tensor(lam)).sum()


@right
def with_relu_and_lambda_back(reconstruction, kl, lam):
    kl = kl.mean(dim=0)
    return torch.mean(reconstruction) - (torch.relu(kl - lam) + lam).sum()


@right
def latent_by_latent(reconstruction, kl, lam):
    B, Z = kl.shape
    objective = reconstruction.sum() / B
    for i in range(Z):
        kl_i = kl[:, i].sum() / B
        objective = objective - (kl_i if kl_i > lam else lam)
    return objective


@wrong("free-bits-per-datum")
def clamped_first(reconstruction, kl, lam):
    return (reconstruction - torch.clamp(kl, min=lam).sum(1)).mean()


@wrong("free-bits-pooled")
def total_against_lambda(reconstruction, kl, lam):
    total = kl.sum(1).mean()
    return reconstruction.mean() - torch.max(total, torch.tensor(lam))


@wrong("free-bits-pooled")
def total_against_all_lambdas(reconstruction, kl, lam):
    total = kl.sum(-1).mean()
    return reconstruction.mean() - torch.clamp(total, min=lam * kl.shape[1])


@wrong("min-for-max")
def with_minimum(reconstruction, kl, lam):
    return reconstruction.mean() - torch.minimum(kl.mean(0), torch.tensor(lam)).sum()


@wrong("surrogate-returned")
def the_excess_only(reconstruction, kl, lam):
    excess = torch.nn.functional.relu(kl.mean(0) - lam)
    return reconstruction.mean() - excess.sum()


@wrong("kl-sign")
def price_added(reconstruction, kl, lam):
    objective = reconstruction.mean()
    for k in kl.mean(0):
        objective = objective + k.clamp(min=lam)
    return objective


@wrong("mean-over-latents")
def mean_price(reconstruction, kl, lam):
    return reconstruction.mean() - torch.where(kl.mean(0) > lam, kl.mean(0), lam).mean()


@wrong("data-not-averaged")
def batch_added_up(reconstruction, kl, lam):
    return reconstruction.sum() - kl.sum(0).clamp(min=lam).sum()


@wrong("data-not-averaged")
def reconstruction_added_up(reconstruction, kl, lam):
    return reconstruction.sum() - sum(k.mean().clamp(min=lam) for k in kl.T)


@wrong("base-2")
def lambda_in_bits(reconstruction, kl, lam):
    nats = lam * math.log(2)
    return reconstruction.mean() - kl.mean(0).clamp(min=nats).sum()


@wrong("wrongly-detached")
def price_from_numbers(reconstruction, kl, lam):
    price = sum(max(lam, value) for value in kl.mean(0).tolist())
    return reconstruction.mean() - price


@wrong("sign-flipped")
def to_be_minimised(reconstruction, kl, lam):
    return kl.mean(0).clamp(min=lam).sum() - reconstruction.mean()


@wrong("nothing-free")
def nothing_free(reconstruction, kl, lam):
    return (reconstruction - kl.sum(1)).mean()


@wrong("free-bits-per-datum", "mean-over-latents")
def clamped_first_and_averaged(reconstruction, kl, lam):
    return reconstruction.mean() - kl.clamp(min=lam).mean()


@wrong("min-for-max", "sign-flipped")
def a_loss_with_max_argument(reconstruction, kl, lam):
    return torch.clamp(kl.mean(0), max=lam).sum() - reconstruction.mean()


@right
def own_mean_written_into(reconstruction, kl, lam):
    kl_mean = kl.mean(0)
    kl_mean[kl_mean < lam] = lam
    return reconstruction.mean() - kl_mean.sum()


@wrong("wrongly-detached")
def a_plain_number(reconstruction, kl, lam):
    return (reconstruction.mean() - kl.mean(0).clamp(min=lam).sum()).item()


@wrong("wrongly-detached")
def reconstruction_held(reconstruction, kl, lam):
    return reconstruction.detach().mean() - kl.mean(0).clamp(min=lam).sum()


@wrong("free-bits-pooled")
def total_of_each_datum(reconstruction, kl, lam):
    return (reconstruction - kl.sum(1).clamp(min=lam)).mean()


@wrong("surrogate-returned")
def nothing_below_lambda(reconstruction, kl, lam):
    kl_mean = kl.mean(0)
    return reconstruction.mean() - kl_mean[kl_mean > lam].sum()


@wrong("weight-for-allowance")
def lambda_as_beta(reconstruction, kl, lam):
    return reconstruction.mean() - lam * kl.sum(1).mean()


@wrong("wrong-axis")
def mean_over_the_latents(reconstruction, kl, lam):
    return reconstruction.mean() - kl.mean(1).clamp(min=lam).sum()


@wrong("not-summed")
def one_price_for_each(reconstruction, kl, lam):
    return reconstruction.mean() - kl.mean(0).clamp(min=lam)


@wrong("data-kept")
def one_objective_for_each_datum(reconstruction, kl, lam):
    return reconstruction - kl.mean(0).clamp(min=lam).sum()


@wrong("data-not-averaged")
def divergences_added_up(reconstruction, kl, lam):
    return reconstruction.mean() - kl.sum(0).clamp(min=lam).sum()


@wrong("base-2")
def lambda_from_bits(reconstruction, kl, lam):
    return reconstruction.mean() - kl.mean(0).clamp(min=lam / math.log(2)).sum()


@wrong("free-bits-per-datum", "data-not-averaged")
def loop_without_division(reconstruction, kl, lam):
    total = 0.0
    for r, row in zip(reconstruction, kl, strict=True):
        total = total + r - row.clamp(min=lam).sum()
    return total
