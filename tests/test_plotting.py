"""Pictures hold what they are said to hold: artists counted, lines and tiles compared with the numbers."""

import math
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex, to_rgba
from matplotlib.patches import Circle, FancyArrowPatch

from vaelib import plotting
from vaelib.plotting import COLORS


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    figure.canvas.draw()  # warnings come when a figure is drawn, and are errors here
    plt.close(figure)


def trainable(*values):
    return torch.tensor(values, requires_grad=True)


def color_of(line):
    return to_hex(line.get_color()).upper()


def test_every_actor_has_a_colour_of_its_own():
    assert set(COLORS) == {"prior", "likelihood", "posterior", "proxy", "evidence", "bound", "data"}
    assert len(set(COLORS.values())) == len(COLORS)
    assert len(set(plotting.CYCLE)) == len(plotting.CYCLE)


def test_use_style_sets_the_defaults_of_the_book():
    with plt.rc_context():
        plotting.use_style()
        assert plt.rcParams["axes.prop_cycle"].by_key()["color"] == plotting.CYCLE
        assert plt.rcParams["image.cmap"] == "gray_r"


def test_use_style_does_without_a_notebook(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib_inline.backend_inline", None)
    with plt.rc_context():
        plotting.use_style()


def test_density_is_a_curve_with_its_area_tinted(ax):
    grid, values = trainable(0.0, 1.0, 2.0), trainable(0.1, 0.5, 0.2)
    assert plotting.density(ax, grid, values, "prior", label="p") is ax
    (line,) = ax.lines
    np.testing.assert_allclose(line.get_xydata(), [[0, 0.1], [1, 0.5], [2, 0.2]], rtol=1e-6)
    assert color_of(line) == COLORS["prior"] and line.get_label() == "p"
    assert ax.collections[0].get_datalim(ax.transData).bounds == pytest.approx((0, 0, 2, 0.5))
    plotting.density(ax, grid, values, "proxy", fill=False)
    assert len(ax.lines) == 2 and len(ax.collections) == 1


@pytest.mark.parametrize("axis, data", [("y", ([0, 1], [1.5, 1.5])), ("x", ([1.5, 1.5], [0, 1]))])
def test_exact_is_a_line_across_the_axes(ax, axis, data):
    assert plotting.exact(ax, trainable(1.5).squeeze(), axis=axis) is ax
    (line,) = ax.lines
    np.testing.assert_allclose(line.get_data(), data)
    assert color_of(line) == COLORS["evidence"] and line.get_label() == "exact"


def test_band_is_a_line_and_n_standard_errors_on_each_side(ax):
    assert plotting.band(ax, [1, 2], trainable(5.0, 7.0), trainable(0.5, 0.25), n_se=4) is ax
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [5, 7])
    assert color_of(ax.lines[0]) == COLORS["bound"]
    corners = {tuple(v) for v in ax.collections[0].get_paths()[0].vertices.round(6)}
    assert corners >= {(1, 3), (1, 7), (2, 6), (2, 8)}
    plotting.band(ax, torch.tensor([1.0, 2.0]), torch.zeros(2), torch.ones(2), color="#123456")
    assert color_of(ax.lines[1]) == "#123456"
    assert ax.collections[1].get_datalim(ax.transData).bounds == pytest.approx((1, -2, 1, 4))


def test_ellipse_points_lie_at_the_mahalanobis_distance(ax):
    mean, cov = np.array([1.0, -2.0]), np.array([[2.0, 1.2], [1.2, 1.0]])
    trained = trainable(*mean), torch.tensor(cov, requires_grad=True)
    assert plotting.ellipse(ax, *trained, "posterior", n_std=(1, 3), label="p") is ax
    assert ax.patches[0].get_label() == "p" and len(ax.get_legend_handles_labels()[0]) == 1
    for patch, n in zip(ax.patches, (1, 3), strict=True):
        t = np.linspace(0, 2 * np.pi, 50)
        points = patch.get_patch_transform().transform(np.c_[np.cos(t), np.sin(t)]) - mean
        distance = np.einsum("ni,ij,nj->n", points, np.linalg.inv(cov), points)
        np.testing.assert_allclose(distance, n**2, rtol=1e-5)
        assert patch.get_edgecolor() == to_rgba(COLORS["posterior"])


def test_images_are_tiled_row_by_row_with_a_frame(ax):
    x = torch.arange(1, 19, dtype=torch.float64).reshape(3, 6) / 18
    assert plotting.images(ax, x.requires_grad_(), columns=2, shape=(2, 3)) is ax
    tile = [i.detach().numpy().reshape(2, 3) for i in x]
    truth = np.zeros((8, 10))
    truth[1:3, 1:4], truth[1:3, 6:9], truth[5:7, 1:4] = tile
    np.testing.assert_array_equal(ax.images[0].get_array(), truth)
    assert ax.images[0].get_clim() == (0, 1) and ax.images[0].get_cmap().name == "gray_r" and not ax.axison


def test_images_are_square_if_not_told_otherwise(ax):
    plotting.images(ax, torch.full((1, 9), 3.0), columns=4, vmin=-1, vmax=3)
    picture = ax.images[0].get_array()
    assert picture.shape == (5, 20) and (picture == 3).sum() == 9 and (picture == -1).sum() == 91
    assert ax.images[0].get_clim() == (-1, 3)


@pytest.mark.parametrize("shape, given", [((2, 7), None), ((2, 9), (2, 3)), ((9,), None)])
def test_images_refuse_pixels_that_do_not_fit(ax, shape, given):
    with pytest.raises(ValueError, match=r"x must have shape \(N, H \* W\)"):
        plotting.images(ax, torch.zeros(shape), shape=given)


def test_latent_map_has_a_cloud_and_a_name_at_the_median_of_each_class(ax):
    mean = torch.tensor([[0.0, 0.0], [1.0, 5.0], [2.0, 1.0], [9.0, 9.0]], requires_grad=True)
    assert plotting.latent_map(ax, mean, torch.tensor([3, 3, 3, 7])) is ax
    assert [len(cloud.get_offsets()) for cloud in ax.collections] == [3, 1]
    assert [(t.get_text(), t.get_position()) for t in ax.texts] == [("3", (1, 1)), ("7", (9, 9))]


@pytest.mark.parametrize("highlight", [(), ("prior", "proxy")])
def test_four_actors_are_five_names_two_nodes_three_arrows(ax, highlight):
    assert plotting.four_actors(ax, highlight) is ax
    assert sum(isinstance(patch, Circle) for patch in ax.patches) == 2
    assert sum(isinstance(patch, FancyArrowPatch) for patch in ax.patches) == 3
    strong = {t.get_text().split()[0] for t in ax.texts if t.get_alpha() == 1 and " " in t.get_text()}
    assert strong == set(highlight or ["prior", "likelihood", "posterior", "evidence", "proxy"])


def test_four_actors_refuse_a_stranger(ax):
    with pytest.raises(ValueError, match=r"highlight must name some of \[.*\]; got \['decoder'\]"):
        plotting.four_actors(ax, ["prior", "decoder"])


def test_without_matplotlib_the_message_says_what_to_install():
    code = "import sys; sys.modules['matplotlib'] = None; import vaelib.plotting"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 1 and "pip install 'vaelib[book]'" in run.stderr


def test_the_band_of_a_certain_estimate_has_no_width(ax):
    plotting.band(ax, [1, 2], torch.ones(2), torch.zeros(2))
    assert ax.collections[0].get_datalim(ax.transData).height == 0
    assert math.isclose(ax.lines[0].get_ydata()[0], 1)
