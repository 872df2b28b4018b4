"""What training recorded, as lists, as a picture and as a table."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["History"]


@dataclass
class History:
    """What training recorded: one entry in each list for every record.

    Attributes:
        steps: how many steps had been made.
        train: the mean bound over the batches since the record before, in nats per datum.
        held_out: the mean bound on the held-out data, in nats per datum; empty if there were none.
        seconds: since the start of training.
    """

    steps: list[int] = field(default_factory=list)
    train: list[float] = field(default_factory=list)
    held_out: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def plot(self, ax: Any = None) -> Any:
        """The bound during training, on batches and, if recorded, on held-out data.

        Args:
            ax: the Matplotlib axes to draw on; None makes some.

        Returns:
            the axes.

        Raises:
            ImportError: ax is None and Matplotlib is not installed.
        """
        if ax is None:
            try:
                import matplotlib.pyplot as plt
            except ImportError as error:
                raise ImportError(
                    "History.plot needs Matplotlib: pip install 'vaelib[book]'"
                ) from error
            ax = plt.subplots()[1]
        # The colours that vaelib.plotting gives to data and bound.
        ax.plot(self.steps, self.train, color="#5A5A5A", label="training")
        if self.held_out:
            ax.plot(self.steps, self.held_out, color="#B5468B", label="held out")
        ax.set(xlabel="step", ylabel="bound (nats per datum)")
        ax.legend()
        return ax

    def to_frame(self) -> Any:
        """The records as a pandas DataFrame: one row each, indexed by step.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("History.to_frame needs pandas: pip install pandas") from error
        columns = asdict(self)
        if not self.held_out:
            del columns["held_out"]
        return pandas.DataFrame(columns).rename(columns={"steps": "step"}).set_index("step")
