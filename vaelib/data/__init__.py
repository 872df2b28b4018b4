"""Data sets: digits that need no download, larger images that are downloaded once, and toy data.

Needs scikit-learn, or what :mod:`vaelib.data.download` needs; the extra ``vaelib[book]`` installs
all of it.
"""

from vaelib.data.downloaded import binarized_mnist, fashion_mnist, mnist
from vaelib.data.pixels import FreshPixels
from vaelib.data.shipped import digits, two_moons

__all__ = ["FreshPixels", "binarized_mnist", "digits", "fashion_mnist", "mnist", "two_moons"]
