// A figure made of pictures that were drawn beforehand, one for each position of its controls.

/** The picture at a position: an SVG put together from the first one's parts and its own, or a PNG. */
function picture({ format, base, own, frames }, index) {
  if (format === "png") return `data:image/png;base64,${frames[index]}`;
  const text = frames[index].map((part) => (typeof part === "number" ? own[part] : base.slice(...part).join(""))).join("");
  return `data:image/svg+xml,${encodeURIComponent(text)}`;
}

function exploreFigure({ state, drawn, el, report }) {
  const image = el.querySelector("img") ?? element("img", { width: state.size[0], height: state.size[1] });
  const { region, say } = announcer();
  const show = (positions, aloud = true) => {
    const index = state.controls.reduce((at, { name, values }) => at * values.length + positions[name], 0);
    if (aloud || !image.src) image.src = picture(drawn, index); // at first the page shows it already
    image.alt = state.alts[index];
    if (aloud) say(image.alt);
    report(positions);
  };
  const { panel, positions } = controls(state.controls, state.play, null, show);
  el.append(image, panel, region);
  show(positions, false);
}

KINDS.explore = exploreFigure;
