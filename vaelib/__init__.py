"""Latent-variable models, their bounds and estimators, each checked against an exact answer.

A module for each chapter of *Bounding the Evidence*: :mod:`vaelib.latent`, :mod:`vaelib.proxies`,
:mod:`vaelib.jensen`, :mod:`vaelib.elbo`, :mod:`vaelib.iwae`; and for all chapters :mod:`vaelib.evaluate`,
:mod:`vaelib.train` (with :mod:`vaelib.checkpoint`, :mod:`vaelib.batches`, :mod:`vaelib.parallel`),
:mod:`vaelib.data`, :mod:`vaelib.plotting`. Import from the modules.
"""

__version__ = "0.1.0"
