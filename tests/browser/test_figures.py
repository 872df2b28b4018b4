"""Figures that move, in the built pages: what is seen and said, and the numbers against vaelib."""

from __future__ import annotations

import itertools
import json
from base64 import b64decode

import numpy as np
import pytest
import torch
from conftest import CHAPTERS
from oracles import bound_1d
from playwright.sync_api import Browser, Locator, Page

from bookext.book import ROOT
from vaelib import iwae, jensen, latent, proxies, widgets

KINDS = {"evidence": "book/05_iwae", "jensen": "book/03_jensen", "latent_walk": "book/04_elbo"}
# Sets a slider as a hand does: with the event that the page listens to.
SLIDE = """(slider, position) => {
    slider.value = position;
    slider.dispatchEvent(new Event("input", {bubbles: true}));
}"""
# Scrolls again and again: a figure above that comes into view grows, and moves this one away.
APPROACH = """async figure => {
    for (let i = 0; i < 100 && !figure.querySelector("input"); i++) {
        figure.scrollIntoView({block: "center", behavior: "instant"});
        await new Promise(resolve => setTimeout(resolve, 100));
    }
}"""


def near(figure: Locator) -> Locator:
    """A figure that a reader has come near to, so that it has started."""
    figure.evaluate(APPROACH)
    figure.locator("input").first.wait_for()
    figure.scroll_into_view_if_needed()
    return figure


def started(page: Page) -> list[Locator]:
    return [near(figure) for figure in page.locator(".vaelib-figure").all()]


def figure_of(page: Page, kind: str) -> Locator:
    return near(page.locator(f".vaelib-figure[data-kind={kind}]"))


def shown(figure: Locator) -> tuple[str, str]:
    """What is seen and what is said: the picture, and its alternative text."""
    return figure.evaluate(
        """figure => {
            const picture = figure.querySelector(":scope > img, :scope > svg");
            const text = picture.alt ?? picture.getAttribute("aria-label");
            return [picture.src ?? picture.innerHTML, text];
        }"""
    )


def state_of(figure: Locator) -> dict:
    return json.loads(figure.locator("script.vaelib-state").text_content())


def drawn_of(figure: Locator) -> dict:
    source = figure.locator("script.vaelib-drawn").get_attribute("data-src")
    return figure.page.evaluate("name => window.vaelibDrawn[name]", source.split("/")[-1])


def slide(figure: Locator, **positions: int) -> None:
    for name, position in positions.items():
        figure.locator(f"input[name={name}]").evaluate(SLIDE, position)


def numbers(figure: Locator) -> dict[str, float]:
    cells = figure.locator("[data-name]").all()
    pairs = [[cell.get_attribute(f"data-{part}") for part in ("name", "value")] for cell in cells]
    return {name: float(value) for name, value in pairs}


def corners(state: dict) -> list[dict[str, int]]:
    """Every combination of first, middle and last positions."""
    ends = [sorted({0, len(c["values"]) // 2, len(c["values"]) - 1}) for c in state["controls"]]
    names = [control["name"] for control in state["controls"]]
    return [dict(zip(names, positions, strict=True)) for positions in itertools.product(*ends)]


def values_at(state: dict, positions: dict[str, int]) -> list[float]:
    return [control["values"][positions[control["name"]]] for control in state["controls"]]


def test_at_least_eight_figures_move(open_page) -> None:
    pages = [open_page(chapter).page for chapter in CHAPTERS]
    assert sum(page.locator(".vaelib-figure").count() for page in pages) >= 8


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_control_changes_the_picture_and_its_text(open_page, chapter) -> None:
    for figure in started(open_page(chapter).page):
        state = state_of(figure)
        for control in state["controls"]:
            seen = set()
            name, count = control["name"], len(control["values"])
            for position in range(0, count, max(1, count // 12)):
                if control["choice"]:
                    figure.locator(f"input[type=radio][value='{position}']").check()
                else:
                    slide(figure, **{name: position})
                    text = figure.locator(f"input[name={name}] ~ output").text_content()
                    assert text == control["texts"][position]
                seen.add(tuple(shown(figure)))
            pictures, texts = (len(set(column)) for column in zip(*seen, strict=True))
            assert pictures > 1, f"{chapter}: {control['label']} does not change the picture"
            assert texts > 1, f"{chapter}: {control['label']} does not change the alternative text"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_frame_is_a_picture_with_its_own_text(open_page, chapter) -> None:
    page = open_page(chapter).page
    for figure in started(page):
        state = state_of(figure)
        if figure.get_attribute("data-kind") != "explore":
            continue
        controls = state["controls"]
        sizes = [len(control["values"]) for control in controls]
        for index, positions in enumerate(np.ndindex(*sizes)):
            places = zip(controls, positions, strict=True)
            slide(figure, **{c["name"]: place for c, place in places if not c["choice"]})
            assert shown(figure)[1] == state["alts"][index]
            image = figure.locator(":scope > img")
            assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0


def test_what_changed_is_announced(open_page) -> None:
    figure = started(open_page("book/01_latent_variable_models").page)[0]
    region = figure.locator("[aria-live=polite]")
    assert region.text_content() == ""  # nothing is said before something moves
    slide(figure, along=8)
    text = shown(figure)[1]
    said = "([region, text]) => region.textContent === text"
    figure.page.wait_for_function(said, arg=[region.element_handle(), text])


def evidence_truth(state: dict, mu: float, s: float, K: int) -> dict[str, float]:
    """The numbers of the evidence's figure by vaelib, and L_K by quadrature."""
    one = torch.ones(1, 1, dtype=torch.float64)
    model = latent.LinearGaussian(one, torch.zeros_like(one[0]), 1.0).requires_grad_(False)
    x = 2 * one  # the chapter's model and datum
    q = torch.distributions.Independent(torch.distributions.Normal(mu * one, s * one), 1)
    z = mu + s * torch.tensor(state["noise"][:K], dtype=torch.float64)[:, None, None]
    log_w = model.log_joint(x, z) - q.log_prob(z)
    log_p = model.log_evidence(x).item()
    kl = torch.distributions.kl_divergence(q, model.posterior(x)).item()
    return {
        "log_p": log_p,
        "kl": kl,
        "elbo": log_p - kl,
        "draw": jensen.log_mean_exp(log_w).item(),
        "ess": iwae.effective_sample_size(log_w).item(),
        "bound": log_p - kl if K == 1 else log_p + bound_1d(1.0, 0.5**0.5, mu, s, K),
    }


def test_the_evidence_in_the_browser_is_vaelibs(open_page) -> None:
    figure = figure_of(open_page(KINDS["evidence"]).page, "evidence")
    state = state_of(figure)
    ks = range(len(state["controls"][2]["values"]))
    presets = [preset | {"K": k} for preset in state["presets"].values() for k in ks]
    for positions in corners(state) + presets:
        slide(figure, **positions)
        mu, s, K = values_at(state, positions)
        found = numbers(figure)
        for name, value in evidence_truth(state, mu, s, K).items():
            assert found[name] == pytest.approx(value, rel=1e-6, abs=1e-4), (name, mu, s, K)
        assert found["elbo"] - 1e-9 <= found["bound"] <= found["log_p"] + 1e-9


def test_jensen_in_the_browser_is_vaelibs(open_page) -> None:
    figure = figure_of(open_page(KINDS["jensen"]).page, "jensen")
    state = state_of(figure)
    for positions in corners(state):
        slide(figure, **positions)
        first, second, share = values_at(state, positions)
        copies = round(50 * share)  # the slider has steps of one fiftieth
        log_w = torch.tensor([first] * copies + [second] * (50 - copies), dtype=torch.float64).log()
        found = numbers(figure)
        assert found["gap"] == pytest.approx(jensen.jensen_gap(log_w).item(), abs=1e-4)
        assert found["log_of_mean"] == pytest.approx(jensen.log_mean_exp(log_w).item(), abs=1e-4)
        assert found["mean_of_log"] == pytest.approx(log_w.mean().item(), abs=1e-4)


def test_the_decoder_in_the_browser_is_vaelibs(open_page) -> None:
    figure = figure_of(open_page(KINDS["latent_walk"]).page, "latent_walk")
    state, drawn = state_of(figure), drawn_of(figure)
    decoder = proxies.GaussianDecoder(2, 64, hidden=(128,))
    with torch.no_grad():
        for linear, layer in zip(decoder.net[::2], drawn["layers"], strict=True):
            for name, parameter in linear.named_parameters():
                values = torch.tensor(np.frombuffer(b64decode(layer[name]), "<f4"))
                parameter.copy_(values.reshape_as(parameter))
    for positions in corners(state):
        slide(figure, **positions)
        z = torch.tensor([values_at(state, positions)], dtype=torch.float32)
        pixels = json.loads(figure.locator("g.digit").get_attribute("data-values"))
        assert np.abs(np.array(pixels) - decoder(z).mean[0].detach().numpy()).max() < 1e-4
    assert decoder(torch.zeros(1, 2)).mean.std() > 0.1  # a digit, not a blank


def test_the_walk_is_light(open_page) -> None:
    drawn = drawn_of(figure_of(open_page(KINDS["latent_walk"]).page, "latent_walk"))
    assert len(json.dumps(drawn)) <= 100_000


@pytest.mark.parametrize(
    "kind, names", [("evidence", ["mean"]), ("jensen", ["first"]), ("latent_walk", ["z1", "z2"])]
)
def test_a_handle_can_be_dragged(open_page, kind, names) -> None:
    page = open_page(KINDS[kind]).page
    figure = figure_of(page, kind)
    handle = figure.locator("circle.handle").first
    box = handle.bounding_box()
    before = {name: figure.locator(f"input[name={name}]").input_value() for name in names}
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 40, steps=4)
    page.mouse.up()
    after = {name: figure.locator(f"input[name={name}]").input_value() for name in names}
    assert all(int(after[name]) != int(before[name]) for name in names)
    page.mouse.move(box["x"] - 60, box["y"])  # let go of: it stays
    assert after == {name: figure.locator(f"input[name={name}]").input_value() for name in names}


def test_the_keyboard_moves_a_slider(open_page) -> None:
    page = open_page("book/02_proxies").page
    figure = started(page)[0]
    slider = figure.locator("input[type=range]").first
    slider.focus()
    before = shown(figure)
    page.keyboard.press("End")
    assert slider.input_value() == slider.get_attribute("max") and shown(figure) != before
    page.keyboard.press("ArrowLeft")
    assert int(slider.input_value()) == int(slider.get_attribute("max")) - 1
    texts = state_of(figure)["controls"][0]["texts"]
    assert slider.get_attribute("aria-valuetext") == texts[-2]
    assert slider.evaluate("input => getComputedStyle(input).outlineStyle") == "solid"


def test_play_goes_to_the_end_and_stops(open_page) -> None:
    figure = started(open_page("book/04_elbo").page)[0]
    slider = figure.locator("input[name=half_step]")
    play = figure.get_by_role("button", name="Play")
    slide(figure, half_step=5)
    play.click()
    assert figure.get_by_role("button", name="Stop").get_attribute("aria-pressed") == "true"
    play.wait_for(timeout=5_000)  # the button says Play again
    assert slider.input_value() == slider.get_attribute("max")


def test_presets_move_all_controls_at_once(open_page) -> None:
    figure = figure_of(open_page(KINDS["evidence"]).page, "evidence")
    figure.get_by_role("button", name="Exact").click()
    found = numbers(figure)
    assert found["kl"] == pytest.approx(0, abs=1e-12)
    assert found["bound"] == pytest.approx(found["log_p"], abs=1e-6)
    assert found["ess"] == pytest.approx(4) and found["draw"] == pytest.approx(found["log_p"])


def test_a_finger_moves_the_walk_on_a_phone(open_page) -> None:
    page = open_page(KINDS["latent_walk"], width=390, has_touch=True).page
    figure = figure_of(page, "latent_walk")
    before = shown(figure)
    pad = figure.locator("rect.pad").bounding_box()
    page.touchscreen.tap(pad["x"] + pad["width"] * 0.3, pad["y"] + pad["height"] * 0.3)
    assert shown(figure) != before
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_without_javascript_the_first_state_shows(open_page, chapter) -> None:
    page = open_page(chapter, java_script_enabled=False).page
    figures = page.locator(".vaelib-figure").all()
    assert figures
    for figure in figures:
        picture = figure.locator(":scope > img")
        assert picture.get_attribute("alt") and (figure.locator("input, button").count() == 0)
        picture.scroll_into_view_if_needed()
        assert picture.bounding_box()["height"] > 100


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_in_print_there_is_a_picture_and_no_control(open_page, chapter) -> None:
    page = open_page(chapter).page
    figures = started(page)
    page.emulate_media(media="print")
    for figure in figures:
        assert figure.locator(":scope > img, :scope > svg").first.is_visible()
        assert not figure.locator("input").first.is_visible()


def test_from_a_folder_on_disk_figures_move_too(chromium: Browser) -> None:
    page = chromium.new_page()
    page.goto((ROOT / "_build" / "html" / "book" / "03_jensen.html").as_uri())
    for figure in started(page):
        before = shown(figure)
        figure.locator("input[type=range]").first.evaluate(SLIDE, 1)
        assert shown(figure) != before
    page.close()


def test_the_module_that_jupyter_loads_draws_and_reports(chromium: Browser) -> None:
    """Anywidget calls ``render({model, el})``; the model has get, set and save_changes."""
    figure = widgets.jensen()
    page = chromium.new_page()
    page.set_content(f"<style>{figure._css}</style><div id=here></div>")
    page.evaluate(
        """async ([esm, state]) => {
            const script = new Blob([esm], {type: "text/javascript"});
            const module = await import(URL.createObjectURL(script));
            window.saved = [];
            const values = {kind: "jensen", state, drawn: {}};
            const model = {get: name => values[name], set: (name, value) => (values[name] = value),
                           save_changes: () => window.saved.push(values.values)};
            module.default.render({model, el: document.getElementById("here")});
        }""",
        [figure._esm, figure.state],
    )
    here = page.locator("#here")
    here.locator("input[name=share]").evaluate(SLIDE, 10)
    assert page.evaluate("window.saved.at(-1)") == {"first": 0.5, "second": 4.0, "share": 0.2}
    assert here.locator("svg").count() == 1
    assert numbers(here)["mean"] == pytest.approx(0.2 * 0.5 + 0.8 * 4)
    page.close()
