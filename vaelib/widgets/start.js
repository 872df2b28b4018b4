// How a figure finds its model: from Jupyter through anywidget, or from the page itself.

/** Draws a figure into an element: what anywidget calls, and what the page calls below. */
function render({ model, el }) {
  el.classList.add("vaelib-figure");
  const state = model.get("state");
  const report = (positions) => {
    model.set("values", Object.fromEntries(state.controls.map(({ name, values }) => [name, values[positions[name]]])));
    model.save_changes();
  };
  KINDS[model.get("kind")]({ state, drawn: model.get("drawn"), el, report });
}

/** In a page without a kernel: a model that holds what the page says, and tells nobody. */
function still(el, drawn) {
  const state = JSON.parse(el.querySelector("script.vaelib-state").textContent);
  const model = { kind: el.dataset.kind, state, drawn };
  render({ model: { get: (name) => model[name], set() {}, save_changes() {} }, el });
}

/** Starts the figures of a page: those whose pictures stand in the page at once, the others when they come into view. */
function startPage() {
  const waiting = new IntersectionObserver((entries) => entries.filter(({ isIntersecting }) => isIntersecting).forEach(fetchDrawn), {
    rootMargin: "600px",
  });
  const fetchDrawn = ({ target }) => {
    waiting.unobserve(target);
    const source = target.querySelector("script.vaelib-drawn").dataset.src;
    // A script, not a request for data: it works from a folder on disk as well.
    const script = element("script", { src: source });
    script.addEventListener("load", () => still(target, window.vaelibDrawn[source.split("/").pop()]));
    document.head.append(script);
  };
  for (const el of document.querySelectorAll(".vaelib-figure[data-kind]:not([data-started])")) {
    if (!(el.dataset.kind in KINDS)) continue;
    el.dataset.started = "";
    const drawn = el.querySelector("script.vaelib-drawn");
    if (drawn.dataset.src) waiting.observe(el);
    else still(el, JSON.parse(drawn.textContent));
  }
}
