"""Latent-variable models, their bounds and estimators, each checked against an exact answer.

A module for each chapter of *Bounding the Evidence*: :mod:`vaelib.latent`,
:mod:`vaelib.proxies` (with :mod:`vaelib.densities`, :mod:`vaelib.kernels` and
:mod:`vaelib.products`), :mod:`vaelib.jensen`, :mod:`vaelib.elbo`, :mod:`vaelib.iwae`; and for all
chapters :mod:`vaelib.protocol`, :mod:`vaelib.evaluate`,
:mod:`vaelib.train` (with :mod:`vaelib.checkpoint`, :mod:`vaelib.batches`, :mod:`vaelib.parallel`),
:mod:`vaelib.data`, :mod:`vaelib.plotting`, :mod:`vaelib.widgets`;
:mod:`vaelib.checks` for the exercises.
Import from the modules. ``python -m vaelib`` says what is installed.
"""

__version__ = "0.1.0"
