"""Figures that a reader can move: in Jupyter, in a page without a kernel, and still in print.

Each figure is a function here and a script of the same name beside it. Jupyter, Binder and Colab
run the script through anywidget; a page gets it inside the HTML of the output, and needs nothing
else. Needs anywidget and Matplotlib, which the extra ``vaelib[book]`` installs.
"""

try:
    from vaelib.widgets.evidence import evidence
    from vaelib.widgets.explore import explore
    from vaelib.widgets.jensen import jensen
    from vaelib.widgets.latent_walk import latent_walk
    from vaelib.widgets.movable import Movable, front_end
except ImportError as error:
    raise ImportError(
        "vaelib.widgets needs anywidget and Matplotlib: pip install 'vaelib[book]'"
    ) from error

__all__ = ["Movable", "evidence", "explore", "front_end", "jensen", "latent_walk"]
