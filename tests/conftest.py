import signal

import matplotlib
import pytest
import torch

matplotlib.use("Agg")
torch.set_num_threads(1)
# A shell that starts the tests in the background has them ignore Ctrl-C, which some of them press.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("nbval", default=False):
        import warm_kernels

        warm_kernels.install()


@pytest.fixture(autouse=True)
def _seed() -> None:
    # Without a GPU, torch.manual_seed would queue three seeds for later, each with the whole stack.
    seed = torch.manual_seed if torch.cuda.is_available() else torch.default_generator.manual_seed
    seed(0)
    # A test that compiles leaves torch.distributions without its checks, for the whole process.
    torch.distributions.Distribution.set_default_validate_args(True)
