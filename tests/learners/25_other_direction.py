import math

import numpy as np
import torch

from learners import right, wrong


@right
def with_math(s_1, s_2, kappa):
    gap = -0.5 * math.log(1 - kappa**2)
    return s_1**2, s_2**2, gap, kappa**2 / (1 - kappa**2)


@right
def with_matrices(s_1, s_2, kappa):
    c = kappa * s_1 * s_2
    S = torch.stack([torch.stack([s_1**2, c]), torch.stack([c, s_2**2])])
    v = S.diagonal()
    wide = torch.diag(v)
    precision = 2 * torch.linalg.inv(S) - torch.linalg.inv(wide)
    chi2 = torch.det(wide).sqrt() / torch.det(S) / torch.det(precision).sqrt() - 1
    return v[0], v[1], 0.5 * (v.log().sum() - torch.logdet(S)), chi2


@right
def as_one_tensor(s_1, s_2, kappa):
    rest = 1 - kappa * kappa
    return torch.stack([s_1.square(), s_2.square(), -rest.sqrt().log(), 1 / rest - 1])


@wrong("slice-for-shadow")
def the_chapters_proxy(s_1, s_2, kappa):
    rest = 1 - kappa**2
    chi2 = rest / torch.sqrt(1 - 4 * kappa**2) - 1
    return s_1**2 * rest, s_2**2 * rest, -0.5 * torch.log(rest), chi2


@wrong("slice-for-shadow")
def conditional_variances(s_1, s_2, kappa):
    S = torch.tensor([[s_1**2, kappa * s_1 * s_2], [kappa * s_1 * s_2, s_2**2]])
    precision = torch.linalg.inv(S)
    gap, chi2 = -0.5 * torch.log(1 - kappa**2), kappa**2 / (1 - kappa**2)
    return 1 / precision[0, 0], 1 / precision[1, 1], gap, chi2


@wrong("chi2-of-the-slice")
def chi2_the_other_way_round(s_1, s_2, kappa):
    gap = -math.log(math.sqrt(1 - kappa**2))
    return s_1**2, s_2**2, gap, (1 - kappa**2) * (1 - 4 * kappa**2) ** -0.5 - 1


@wrong("sigma-for-variance")
def standard_deviations(s_1, s_2, kappa):
    return s_1, s_2, -0.5 * np.log(1 - kappa**2), kappa**2 / (1 - kappa**2)


@wrong("half-missing")
def gap_without_half(s_1, s_2, kappa):
    return s_1**2, s_2**2, -torch.log1p(-(kappa**2)), kappa**2 / (1 - kappa**2)


@wrong("negated")
def negative_gap(s_1, s_2, kappa):
    return s_1**2, s_2**2, 0.5 * torch.log(1 - kappa**2), 1 / (1 - kappa**2) - 1


@wrong("base-2")
def gap_in_bits(s_1, s_2, kappa):
    return s_1**2, s_2**2, -0.5 * math.log2(1 - kappa**2), 1 / (1 - kappa**2) - 1


@wrong("correlation-for-covariance")
def kappa_off_the_diagonal(s_1, s_2, kappa):
    S = torch.tensor([[s_1**2, kappa], [kappa, s_2**2]])
    gap = 0.5 * (S.diagonal().log().sum() - torch.logdet(S))
    return s_1**2, s_2**2, gap, 1 / (1 - kappa**2) - 1


@wrong("one-not-subtracted")
def second_moment(s_1, s_2, kappa):
    return s_1**2, s_2**2, -0.5 * torch.log(1 - kappa**2), 1 / (1 - kappa**2)


@wrong("square-missing")
def constant_of_p_once(s_1, s_2, kappa):
    # p² / q has 1 / (2π √(1 − κ²)) for p and 2π for q; the determinant is 1
    return s_1**2, s_2**2, -0.5 * torch.log(1 - kappa**2), 1 / torch.sqrt(1 - kappa**2) - 1


@wrong("normaliser-dropped")
def determinant_only(s_1, s_2, kappa):
    precision = torch.tensor([[1 + kappa**2, -2 * kappa], [-2 * kappa, 1 + kappa**2]])
    precision = precision / (1 - kappa**2)
    return s_1**2, s_2**2, -0.5 * torch.log(1 - kappa**2), torch.det(precision) ** -0.5 - 1


@wrong("half-missing", "one-not-subtracted")
def half_and_one(s_1, s_2, kappa):
    return s_1**2, s_2**2, -torch.log(1 - kappa**2), 1 / (1 - kappa**2)


@wrong("sigma-for-variance", "negated")
def roots_and_sign(s_1, s_2, kappa):
    return s_1, s_2, torch.log(torch.sqrt(1 - kappa**2)), kappa**2 / (1 - kappa**2)
