import math

import torch

from learners import right, wrong


@right
def with_relu(w, lam):
    var = 0.5 * w * lam.shape[0]
    return torch.sqrt(var), torch.relu(lam - var)


@right
def through_the_rate(w, lam):
    """1/(2σ²) = 1/(wX)."""
    rate = 1 / (w * lam.numel())
    sigma = (1 / (2 * rate)) ** 0.5
    return sigma, torch.where(lam > sigma**2, lam - sigma**2, torch.zeros_like(lam))


@right
def a_list_of_lengths(w, lam):
    variance = float(w) * len(lam) / 2
    return math.sqrt(variance), torch.tensor([max(value.item() - variance, 0.0) for value in lam])


@wrong("half-missing")
def no_two_in_the_exponent(w, lam):
    variance = w * len(lam)
    return variance.sqrt(), (lam - variance).clamp(min=0)


@wrong("mean-read-as-sum")
def features_forgotten(w, lam):
    return (w / 2) ** 0.5, torch.relu(lam - w / 2)


@wrong("variance-for-sigma")
def variance_returned(w, lam):
    v = w * lam.size(0) / 2
    return v, torch.maximum(lam - v, torch.zeros(()))


@wrong("sigma-for-variance")
def sigma_subtracted(w, lam):
    sigma = torch.sqrt(w * len(lam) / 2)
    return sigma, torch.relu(lam - sigma)


@wrong("weight-upside-down")
def weight_on_the_reconstruction(w, lam):
    precision = 2 * w / len(lam)
    return precision**-0.5, torch.relu(lam - 1 / precision)


@wrong("mean-divided-twice")
def divided_by_the_features(w, lam):
    variance = w / 2 / len(lam)
    return torch.sqrt(variance), torch.relu(lam - variance)


@wrong("negative-length")
def below_zero(w, lam):
    variance = w * len(lam) / 2
    return variance.sqrt(), lam - variance


@wrong("noise-as-signal")
def all_or_nothing(w, lam):
    variance = w * len(lam) / 2
    return variance.sqrt(), torch.tensor([v if v > variance else 0.0 for v in lam.tolist()])


@wrong("length-not-squared")
def lengths_themselves(w, lam):
    variance = w * len(lam) / 2
    return variance.sqrt(), torch.relu(lam - variance) ** 0.5


@wrong("half-missing", "mean-read-as-sum")
def weight_is_the_variance(w, lam):
    return w.sqrt(), (lam - w).clamp(min=0)


@wrong("variance-for-sigma", "negative-length")
def variance_and_below_zero(w, lam):
    variance = len(lam) * w / 2
    return variance, torch.stack([value - variance for value in lam])


@right
def lists_of_numbers(w, lam):
    sigma = math.sqrt(w * len(lam) / 2)
    return [sigma, [max(0.0, float(value) - sigma**2) for value in lam]]


@wrong("numbers-of-the-example")
def pixels_of_the_collection(w, lam):
    variance = w * 3 * 64 * 64 / 2
    return torch.sqrt(variance), torch.relu(lam - variance)


@wrong("numbers-of-the-example")
def weight_and_pixels_of_the_collection(w, lam):
    variance = 0.00025 * 3 * 64 * 64 / 2
    return math.sqrt(variance), torch.relu(lam - variance)


@wrong("numbers-of-the-example")
def columns_for_a_weight_of_one(w, lam):
    return (w * len(lam) / 2) ** 0.5, torch.relu(lam - len(lam) / 2)


@wrong("squared-twice")
def square_of_the_difference(w, lam):
    variance = w * len(lam) / 2
    return variance**0.5, torch.relu(lam - variance) ** 2


@wrong("squared-twice")
def eigenvalues_squared(w, lam):
    variance = w * len(lam) / 2
    return variance**0.5, torch.relu(lam**2 - variance)


@wrong("squared-twice")
def root_forgotten_and_squared(w, lam):
    sigma = w * len(lam) / 2
    return sigma, torch.relu(lam - sigma**2)


@wrong("noise-as-signal")
def eigenvalues_as_they_are(w, lam):
    return (w * len(lam) / 2) ** 0.5, lam


@wrong("order-swapped")
def lengths_first(w, lam):
    variance = w * len(lam) / 2
    return torch.relu(lam - variance), torch.sqrt(variance)


@wrong("half-missing", "weight-upside-down")
def one_over_w_x(w, lam):
    variance = 1 / (w * len(lam))
    return torch.sqrt(variance), torch.relu(lam - variance)


@wrong("half-missing", "mean-divided-twice")
def w_over_x(w, lam):
    variance = w / len(lam)
    return torch.sqrt(variance), torch.relu(lam - variance)
