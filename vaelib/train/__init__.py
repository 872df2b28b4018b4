"""One training loop for every bound.

:func:`fit` is in ``loop.py``, and its step reads from top to bottom. The other files hold what a
long run needs: the order of the data, checkpoints, several processes, compilation.
"""

from vaelib.train.history import History
from vaelib.train.loop import fit
from vaelib.train.weights import load_weights

__all__ = ["History", "fit", "load_weights"]
