"""Pictures hold what their docstrings say: artists are counted, lines and tiles compared."""

import itertools
import math
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex, to_rgba
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

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


def of_kind(ax, kind):
    return [patch for patch in ax.patches if isinstance(patch, kind)]


def color_of(line):
    return to_hex(line.get_color()).upper()


def test_every_actor_has_a_colour_of_its_own():
    assert set(COLORS) == {"prior", "likelihood", "posterior", "proxy", "evidence", "bound", "data"}
    assert len(set(COLORS.values())) == len(COLORS)
    assert len(set(plotting.CYCLE)) == len(plotting.CYCLE)


# How dichromats see linear RGB: Machado, Oliveira and Fernandes (2009), at full severity.
VISIONS = {
    "all cones": np.eye(3),
    "no red": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]],
    "no green": [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
    "no blue": [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(color, vision):
    """CIE L*a*b* of an sRGB colour (D65), where a distance of about 2 can just be seen."""
    srgb = np.array(to_rgba(color)[:3])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(vision) @ linear, 0, 1)
    t = TO_XYZ @ seen / TO_XYZ.sum(1)
    x, y, z = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", VISIONS.values(), ids=VISIONS)
def test_the_actors_can_be_told_apart_by_every_kind_of_colour_vision(vision):
    for one, other in itertools.combinations(COLORS.values(), 2):
        assert np.linalg.norm(lab(one, vision) - lab(other, vision)) > 14, (one, other)


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
    assert ax.images[0].get_clim() == (0, 1) and ax.images[0].get_cmap().name == "gray_r"
    assert not ax.axison


def test_images_are_square_if_not_told_otherwise(ax):
    plotting.images(ax, torch.full((1, 9), 3.0), columns=4, vmin=-1, vmax=3)
    picture = ax.images[0].get_array()
    assert picture.shape == (5, 20) and (picture == 3).sum() == 9 and (picture == -1).sum() == 91
    assert ax.images[0].get_clim() == (-1, 3)


@pytest.mark.parametrize("shape, given", [((2, 7), None), ((2, 9), (2, 3)), ((9,), None)])
def test_images_refuse_pixels_that_do_not_fit(ax, shape, given):
    with pytest.raises(ValueError, match=r"x must have shape \(N, H \* W\)"):
        plotting.images(ax, torch.zeros(shape), shape=given)


def test_arrays_lists_and_half_precision_are_drawn_like_tensors(ax):
    pixels = torch.linspace(0, 1, 8).reshape(2, 4)
    for given in (pixels, pixels.numpy(), pixels.tolist()):
        plotting.images(ax, given, columns=1)
    first, *others = [np.asarray(image.get_array()) for image in ax.images]
    assert all((first == other).all() for other in others) and len(others) == 2
    plotting.density(ax, np.arange(3.0), [1, 2, 3], "prior", fill=False)
    plotting.density(ax, torch.arange(3).bfloat16(), torch.ones(3).half(), "prior", fill=False)
    assert [line.get_ydata().tolist() for line in ax.lines] == [[1, 2, 3], [1, 1, 1]]
    plotting.latent_map(ax, np.zeros((2, 2)), [0, 1])
    plotting.ellipse(ax, [0, 0], np.eye(2, dtype=int), "prior")
    assert len(ax.collections) == 2


@pytest.mark.parametrize(
    "draw, error, message",
    [
        (lambda ax: plotting.images(ax, "pixels"), TypeError, "x must be .* array .*; got str"),
        (lambda ax: plotting.images(ax, torch.zeros(0, 4)), ValueError, r"x must .*; got \(0, 4\)"),
        (lambda ax: plotting.images(ax, torch.eye(4).to_sparse()), TypeError, "x .* dense tensor"),
        (lambda ax: plotting.images(ax, torch.eye(4).to("meta")), TypeError, "x .* one on meta"),
        (lambda ax: plotting.images(ax, torch.eye(4), columns=0), ValueError, "columns must be"),
        (lambda ax: plotting.density(ax, [0.0], [0.0], "p"), ValueError, "actor .* got 'p'"),
        (lambda ax: plotting.density(ax, [0.0], [0.0, 1.0], "prior"), ValueError, "values must"),
        (lambda ax: plotting.density(ax, [1j], [0.0], "prior"), TypeError, "grid .*complex64"),
        (lambda ax: plotting.exact(ax, [0.0, 1.0]), ValueError, r"value must .* shape \(2,\)"),
        (lambda ax: plotting.exact(ax, 0.0, axis="z"), ValueError, "axis must be .* got 'z'"),
        (lambda ax: plotting.band(ax, [1], [0.0], [0.0, 1.0]), ValueError, "se must have shape"),
        (lambda ax: plotting.ellipse(ax, [0, 0], [1, 1], "prior"), ValueError, "cov must have"),
        (lambda ax: plotting.ellipse(ax, [0, 0], -torch.eye(2), "prior"), ValueError, "got -1"),
        (
            lambda ax: plotting.latent_map(ax, torch.eye(2), [0.5, 1]),
            TypeError,
            "labels .* integers",
        ),
        (lambda ax: plotting.plates(ax, proxy=1), TypeError, "proxy must be True or False; got 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(ax, draw, error, message):
    with pytest.raises(error, match=message):
        draw(ax)


def test_latent_map_has_a_cloud_and_a_name_at_the_median_of_each_class(ax):
    mean = torch.tensor([[0.0, 0.0], [1.0, 5.0], [2.0, 1.0], [9.0, 9.0]], requires_grad=True)
    assert plotting.latent_map(ax, mean, torch.tensor([3, 3, 3, 7])) is ax
    assert [len(cloud.get_offsets()) for cloud in ax.collections] == [3, 1]
    assert [(t.get_text(), t.get_position()) for t in ax.texts] == [("3", (1, 1)), ("7", (9, 9))]


@pytest.mark.parametrize("highlight", [(), ("prior", "proxy")])
def test_four_actors_are_five_names_two_nodes_three_arrows(ax, highlight):
    assert plotting.four_actors(ax, highlight) is ax
    assert len(of_kind(ax, Circle)) == 2 and len(of_kind(ax, FancyArrowPatch)) == 3
    names = [text for text in ax.texts if " " in text.get_text()]
    strong = {name.get_text().split()[0] for name in names if name.get_alpha() == 1}
    assert strong == set(highlight or ["prior", "likelihood", "posterior", "evidence", "proxy"])


def test_four_actors_refuse_a_stranger(ax):
    with pytest.raises(ValueError, match=r"highlight must name some of \[.*\]; got \['decoder'\]"):
        plotting.four_actors(ax, ["prior", "decoder"])


def edge(patch):
    return to_hex(patch.get_edgecolor()).upper()


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("proxy", [False, True])
@pytest.mark.parametrize("samples", [False, True])
def test_plates_hold_what_is_asked_for(ax, learned, proxy, samples):
    assert plotting.plates(ax, learned=learned, proxy=proxy, samples=samples) is ax
    parameters = [r"$\theta$"] * learned + [r"$\phi$"] * proxy
    plates = ["$N$"] + ["$K$"] * samples
    nodes = ["$z_k$" if samples else "$z$", "$x$"]
    assert sorted(text.get_text() for text in ax.texts) == sorted(parameters + plates + nodes)
    assert len(of_kind(ax, FancyBboxPatch)) == len(plates)
    assert len(of_kind(ax, Circle)) == 2 + len(parameters)
    dashes = [arrow.get_linestyle() for arrow in of_kind(ax, FancyArrowPatch)]
    colors = [edge(arrow) for arrow in of_kind(ax, FancyArrowPatch)]
    assert dashes.count("-") == colors.count(COLORS["likelihood"]) == 1 + learned
    assert dashes.count("--") == colors.count(COLORS["proxy"]) == 2 * proxy
    assert len(dashes) == 1 + learned + 2 * proxy


def test_plates_hold_the_variables_and_not_the_parameters(ax):
    plotting.plates(ax, learned=True, proxy=True, samples=True)
    outer, inner = [plate.get_bbox() for plate in of_kind(ax, FancyBboxPatch)]
    z, x, theta, phi = [circle.center for circle in of_kind(ax, Circle)]
    assert inner.contains(*z) and outer.contains(*z)
    assert outer.contains(*x) and not inner.contains(*x)
    assert not outer.contains(*theta) and not outer.contains(*phi)
    for corner in inner.corners():
        assert outer.contains(*corner)
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    for x, y in outer.corners():
        assert left < x < right and low < y < high


def test_of_the_plates_only_what_is_observed_is_shaded(ax):
    plotting.plates(ax)
    z, x = of_kind(ax, Circle)
    assert (edge(z), edge(x)) == (COLORS["prior"], COLORS["evidence"])
    assert to_hex(z.get_facecolor()) == "#ffffff" and to_hex(x.get_facecolor()) == "#e5e5e5"


def test_without_matplotlib_the_message_says_what_to_install():
    code = "import sys; sys.modules['matplotlib'] = None; import vaelib.plotting"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 1 and "pip install 'vaelib[book]'" in run.stderr


def test_the_band_of_a_certain_estimate_has_no_width(ax):
    plotting.band(ax, [1, 2], torch.ones(2), torch.zeros(2))
    assert ax.collections[0].get_datalim(ax.transData).height == 0
    assert math.isclose(ax.lines[0].get_ydata()[0], 1)
