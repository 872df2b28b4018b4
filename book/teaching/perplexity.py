"""Exercise 6.1: the exponential of the entropy.

An exercise of your own: its solution, the mistakes that it invites, and its check.
"""

import torch
from torch import Tensor

from vaelib.checks.catalogue import MISTAKES, Mistake
from vaelib.checks.types import Case, Exercise, Slip, t64

OWN = [
    Mistake(
        "unweighted",
        "Weights ignored",
        "the logarithms were averaged as if all outcomes were equally likely",
    ),
    Mistake("entropy-returned", "The entropy itself", "it was returned without the exponential"),
]
MISTAKES.update({mistake.key: mistake for mistake in OWN})


def _perplexity(p: Tensor) -> Tensor:
    return (-(p * p.log()).sum()).exp()


check_perplexity = Exercise(
    solution=_perplexity,
    slips=(
        Slip(
            "base-2",
            {"p.log()": "p.log2()"},
            shows="The exponential belongs to the natural logarithm.",
        ),
        Slip("entropy-returned", {".exp()": ""}, shows="Equal shares of two give log 2."),
        Slip("unweighted", {"(p * p.log()).sum()": "p.log().mean()"}),
    ),
    hand=(Case((t64([0.5, 0.5]),), "p = [1/2, 1/2]"), Case((t64([0.75, 0.25]),), "p = [3/4, 1/4]")),
    draw=lambda: [Case((torch.randn(5).softmax(0),), "five probabilities")],
    verified="It agrees with the exponential of the entropy, and is K for K equal shares.",
    place="logs",
)
