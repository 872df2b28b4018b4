// A walk through a two-dimensional latent space: the decoder that was trained runs here, layer by layer.

/** The 32-bit numbers of a base64 string. */
function floats(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

/** Dense layers with tanh between them: weight (out, in), row by row, and bias. */
function decode(layers, z) {
  return layers.reduce((input, { weight, bias }, depth) => {
    const output = Array.from(bias, (value, row) => input.reduce((sum, x, i) => sum + weight[row * input.length + i] * x, value));
    return depth < layers.length - 1 ? output.map(Math.tanh) : output;
  }, z);
}

/** The map: a dot for each code in its label's colour, and each label's name in the middle of its dots. */
function latentMap(plot, { colors, reach }, { labels, names }, codes) {
  const cloud = element("svg:g", { "fill-opacity": 0.55 });
  labels.forEach((label, i) => {
    if (Math.max(Math.abs(codes[2 * i]), Math.abs(codes[2 * i + 1])) > reach) return; // beyond the map
    const [x, y] = [plot.px(codes[2 * i]), plot.py(codes[2 * i + 1])].map((value) => value.toFixed(1));
    cloud.append(element("svg:circle", { cx: x, cy: y, r: 3, fill: colors[label] }));
  });
  const halo = { stroke: "#fff", "stroke-width": 4, "paint-order": "stroke", "stroke-linejoin": "round", "fill-opacity": 1 };
  for (const [label, x, y] of names) {
    const place = { x: plot.px(x), y: plot.py(y) + 5, "text-anchor": "middle", "font-size": 15, "font-weight": 700 };
    cloud.append(element("svg:text", { ...place, ...halo }, String(label)));
  }
  return cloud;
}

/** The picture's pixels, to be filled. */
function pixelGrid(left, top, size, side) {
  const cell = size / side;
  const pixel = (_, i) =>
    element("svg:rect", { x: left + cell * (i % side), y: top + cell * Math.floor(i / side), width: cell + 0.5, height: cell + 0.5 });
  const pixels = Array.from({ length: side * side }, pixel);
  const frame = element("svg:rect", { x: left, y: top, width: size + 0.5, height: size + 0.5, fill: "none", stroke: PAPER.light });
  return { pixels, digit: element("svg:g", { class: "digit" }, ...pixels, frame) };
}

function latentWalkFigure({ state, drawn, el, report }) {
  const layers = drawn.layers.map(({ weight, bias }) => ({ weight: floats(weight), bias: floats(bias) }));
  const codes = floats(drawn.codes);
  const { side, reach } = state;
  const stacked = narrow(el);
  const svg = stacked ? canvas(400, 620) : canvas(700, 370);
  const ticks = [-4, -2, 0, 2, 4].filter((tick) => Math.abs(tick) <= reach);
  const size = stacked ? 330 : 305;
  const plot = axes(svg, {
    left: 50, top: 15, width: size, height: size, x: [-reach, reach], y: [-reach, reach], xlabel: "z₁", ylabel: "z₂", xticks: ticks, yticks: ticks,
  });
  const handle = element("svg:circle", { r: 11, fill: "#fff", "fill-opacity": 0.6, stroke: PAPER.ink, "stroke-width": 3, class: "handle" });
  const pad = element("svg:rect", { x: 50, y: 15, width: size, height: size, fill: "#fff", "fill-opacity": 0, class: "pad" });
  const { pixels, digit } = stacked ? pixelGrid(115, 400, 200, side) : pixelGrid(400, 15, 288, side);
  const caption = stacked ? words(215, 616, "what the decoder makes of this z", PAPER.ink, "middle") : words(544, 326, "what the decoder makes of this z", PAPER.ink, "middle");
  svg.append(latentMap(plot, state, drawn, codes), pad, handle, digit, caption);
  const { region, say } = announcer();
  const draw = (positions, aloud = true) => {
    const z = state.controls.map(({ name, values }) => values[positions[name]]);
    const mean = decode(layers, z);
    mean.forEach((value, i) => {
      const grey = Math.round(255 * (1 - Math.min(1, Math.max(0, value))));
      pixels[i].setAttribute("fill", `rgb(${grey},${grey},${grey})`);
    });
    digit.dataset.values = JSON.stringify(mean);
    handle.setAttribute("cx", plot.px(z[0]));
    handle.setAttribute("cy", plot.py(z[1]));
    const distance = (i) => (codes[2 * i] - z[0]) ** 2 + (codes[2 * i + 1] - z[1]) ** 2;
    const closest = drawn.labels.reduce((best, _, i) => (distance(i) < distance(best) ? i : best), 0);
    const text = `At z = (${fixed(z[0], 2)}, ${fixed(z[1], 2)}) the decoder draws a digit; the nearest held-out digit is a ${drawn.labels[closest]}.`;
    svg.setAttribute("aria-label", text);
    if (aloud) say(text);
    report(positions);
  };
  const { panel, positions, set } = controls(state.controls, null, null, draw);
  for (const target of [pad, handle]) {
    draggable(svg, target, (x, y) => {
      const [first, second] = state.controls;
      const z1 = -reach + (2 * reach * (x - plot.box.left)) / plot.box.width;
      const z2 = reach - (2 * reach * (y - plot.box.top)) / plot.box.height;
      set({ [first.name]: nearest(first.values, z1), [second.name]: nearest(second.values, z2) });
    });
  }
  place(el, svg);
  el.append(panel, region);
  draw(positions, false);
}

KINDS.latent_walk = latentWalkFigure;
