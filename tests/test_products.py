"""Matrix products by oneDNN equal torch's, whatever lies in memory how; and all else is torch's own."""

import pytest
import torch

from vaelib import products
from vaelib.products import product, weight_gradient

MANY = 256  # enough for three such numbers, multiplied, to be more than those among which torch's own is taken


@pytest.fixture
def asked(monkeypatch):
    """How often oneDNN was asked."""
    calls, by_onednn = [], products._linear

    def count(*args):
        calls.append(args)
        return by_onednn(*args)

    if by_onednn is None:
        pytest.skip("this torch has no oneDNN")
    monkeypatch.setattr(products, "_linear", count)
    return calls


def layouts():
    torch.manual_seed(0)
    wide = torch.randn(MANY, 2 * MANY)
    return {
        "rows": wide[:, :MANY],
        "columns": torch.randn(MANY, MANY).mT,
        "every second": wide[:, ::2],
        "one row again and again": torch.randn(1, MANY).expand(MANY, -1),
        "one column again and again": torch.randn(MANY, 1).expand(-1, MANY),
        "one number": torch.randn(()).expand(MANY, MANY),
        "begins anywhere": torch.randn(MANY * MANY + 1)[1:].view(MANY, MANY),
    }


@pytest.mark.parametrize("a", layouts().values(), ids=layouts())
@pytest.mark.parametrize("b", layouts().values(), ids=layouts())
@pytest.mark.parametrize("bias", [None, torch.linspace(-1, 1, 2 * MANY)[::2]])
@pytest.mark.parametrize("tanh", [False, True])
def test_the_product_is_that_of_double_precision(asked, a, b, bias, tanh):
    of_bias = torch.zeros(MANY, dtype=torch.float64) if bias is None else bias.double()
    truth = a.double() @ b.double() + of_bias
    # What rounding each product and each sum can do at most, in whatever order; tanh makes no difference larger.
    most = (
        MANY
        * torch.finfo(torch.float32).eps
        / 2
        * (a.double().abs() @ b.double().abs() + of_bias.abs())
    )
    off = (product(a, b, bias, tanh).double() - (truth.tanh() if tanh else truth)).abs()
    assert (off <= most + 2e-7 * tanh).all()
    ((_, right, *_),) = asked
    assert (
        right.is_contiguous() or right.mT.is_contiguous()
    )  # with gaps it is a thousand times slower


def test_onednn_is_asked_where_torch_has_it():
    has_it = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    assert (products._linear is not None) == has_it


@pytest.mark.parametrize("tanh, few", [(False, 2**21), (True, 2**19)])
def test_from_how_many_multiplications_on_onednn_is_asked(asked, tanh, few):
    b = torch.randn(64, 64)
    for rows, asks in ((few // 64**2 - 1, 0), (few // 64**2, 1)):
        product(torch.randn(rows, 64), b, tanh=tanh)
        assert len(asked) == asks


def test_what_lies_without_gaps_is_not_copied(asked):
    b = torch.randn(MANY, MANY)
    for right in (b, b.mT):
        product(torch.randn(MANY, MANY), right)
        assert asked[-1][1].data_ptr() == b.data_ptr()


def test_tanh_keeps_every_digit_and_what_is_not_finite(asked):
    v = torch.cat([torch.linspace(-12, 12, 2**22), torch.logspace(-30, 0, 100)])[:, None]
    v = torch.cat([v, torch.tensor([torch.nan, torch.inf, -torch.inf, 1e30])[:, None]])
    truth = v.double().tanh()
    torch.testing.assert_close(
        product(v, torch.ones(1, 1), tanh=True).double(), truth, rtol=2e-7, atol=0, equal_nan=True
    )
    assert asked


@pytest.mark.parametrize(
    "rows, dtype", [(2, torch.float32), (0, torch.float32), (2 * MANY, torch.float64)]
)
def test_what_is_small_or_double_goes_torchs_way(asked, rows, dtype):
    a, b, bias = (
        torch.randn(rows, MANY).to(dtype),
        torch.randn(MANY, MANY).to(dtype),
        torch.randn(MANY).to(dtype),
    )
    assert torch.equal(product(a, b), a @ b)
    assert torch.equal(product(a, b, bias, tanh=True), torch.addmm(bias, a, b).tanh())
    assert not asked


@pytest.mark.parametrize("off", [True, False])
def test_without_onednn_products_are_torchs(asked, monkeypatch, off):
    a, b = torch.randn(MANY, MANY), torch.randn(MANY, MANY)
    if off:
        monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    else:
        monkeypatch.setattr(products, "_linear", None)
    assert torch.equal(product(a, b), a @ b)
    assert not asked


def test_the_same_product_has_the_same_bits(asked):
    a, b = torch.randn(1000, 200), torch.randn(200, 784)
    assert all(torch.equal(product(a, b), product(a, b)) for _ in range(5))


@pytest.mark.parametrize("rows", [1, 20, 300, 3000])
@pytest.mark.parametrize("n_in, n_out", [(1, 5), (5, 1), (40, 100), (100, 40), (70, 70)])
def test_the_gradient_of_a_weight_is_that_of_einsum(rows, n_in, n_out):
    torch.manual_seed(0)
    grad, given = torch.randn(rows, n_out).double(), torch.randn(rows, n_in).double()
    torch.testing.assert_close(weight_gradient(grad, given), torch.einsum("ro,ri->oi", grad, given))


def test_the_smaller_factor_is_copied(asked):
    for rows, turned in (
        (100, False),
        (1000, True),
    ):  # of a layer from 200 to 784 that is 784 rows or 200 (rows + 784)
        weight_gradient(torch.randn(rows, 784), torch.randn(rows, 200))
        assert tuple(asked[-1][0].shape) == ((200, rows) if turned else (784, rows))
    weight_gradient(torch.randn(1000, 200), torch.randn(1000, 784))
    assert tuple(asked[-1][0].shape) == (200, 1000)
