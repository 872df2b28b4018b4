// What all movable figures share: elements, controls, numbers, axes. No framework; each kind of figure has a file of its own.

const KINDS = {}; // each kind of figure enters itself here
const PAPER = { ink: "#1a1a1a", grey: "#5a5a5a", light: "#d9d9d9" };

/** An element of HTML, or of SVG if its name begins with "svg:". */
function element(name, attributes = {}, ...children) {
  const svg = name.startsWith("svg:");
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4)) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

let figures = 0; // names of radio buttons must differ from figure to figure

/**
 * The controls of a figure. A spec is {name, label, values, texts, start, choice}: a slider through the values, or, if it
 * is a choice, one button for each. `moved(positions)` is called with the position of each control, by name.
 */
function controls(specs, play, presets, moved) {
  const positions = {};
  const setters = {};
  const group = ++figures;
  const panel = element("div", { class: "vaelib-controls" });
  const change = (name, position) => {
    positions[name] = position;
    moved({ ...positions });
  };
  for (const spec of specs) {
    positions[spec.name] = spec.start;
    const made = (spec.choice ? choice : slider)(spec, `vaelib-${group}-${spec.name}`, (position) => change(spec.name, position));
    setters[spec.name] = made.set;
    panel.append(made.row);
  }
  /** Moves several controls at once, from a button or a drag. */
  const set = (wanted) => {
    for (const [name, position] of Object.entries(wanted)) {
      positions[name] = position;
      setters[name](position);
    }
    moved({ ...positions });
  };
  const buttons = Object.entries(presets ?? {}).map(([label, wanted]) => {
    const button = element("button", { type: "button" }, label);
    button.addEventListener("click", () => set(wanted));
    return button;
  });
  if (play) buttons.push(playButton(specs.find((spec) => spec.name === play), positions, set));
  if (buttons.length) panel.append(element("div", { class: "buttons" }, ...buttons));
  return { panel, positions, set };
}

function slider(spec, id, moved) {
  const said = element("output", { for: id });
  const input = element("input", { type: "range", id, min: 0, max: spec.values.length - 1, step: 1, name: spec.name });
  const set = (position) => {
    input.value = position;
    said.value = spec.texts[position];
    input.setAttribute("aria-valuetext", spec.texts[position]);
  };
  input.addEventListener("input", () => {
    set(Number(input.value));
    moved(Number(input.value));
  });
  set(spec.start);
  return { row: element("label", { for: id }, element("span", {}, spec.label), input, said), set };
}

function choice(spec, id, moved) {
  const buttons = spec.texts.map((text, position) => {
    const button = element("input", { type: "radio", name: id, value: position });
    button.addEventListener("change", () => moved(position));
    return { button, label: element("label", {}, button, text) };
  });
  const set = (position) => (buttons[position].button.checked = true);
  set(spec.start);
  return { row: element("fieldset", {}, element("legend", {}, spec.label), ...buttons.map(({ label }) => label)), set };
}

/** Moves one slider from where it stands to its end, or from the beginning if it stands there; any press stops it. */
function playButton(spec, positions, set) {
  const button = element("button", { type: "button", "aria-pressed": "false" }, "Play");
  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    button.textContent = "Play";
    button.setAttribute("aria-pressed", "false");
  };
  const last = spec.values.length - 1;
  const step = () => {
    if (!button.isConnected || positions[spec.name] >= last) return stop();
    set({ [spec.name]: positions[spec.name] + 1 });
    if (positions[spec.name] === last) stop();
  };
  button.addEventListener("click", () => {
    if (timer) return stop();
    if (positions[spec.name] >= last) set({ [spec.name]: 0 });
    button.textContent = "Stop";
    button.setAttribute("aria-pressed", "true");
    timer = setInterval(step, 500);
  });
  return button;
}

/** A region that says aloud what changed, once the reader pauses. */
function announcer() {
  const region = element("p", { class: "vaelib-said", "aria-live": "polite" });
  let timer = null;
  const say = (text) => {
    clearTimeout(timer);
    timer = setTimeout(() => (region.textContent = text), 400);
  };
  return { region, say };
}

/** A list of numbers under the picture, by name; each shows few digits and carries all of them in data-value. */
function numbers(names) {
  const list = element("p", { class: "vaelib-numbers" });
  const cells = {};
  for (const [name, label] of Object.entries(names)) {
    cells[name] = element("b", { "data-name": name });
    list.append(element("span", {}, ...[label].flat(), " ", cells[name]));
  }
  const show = (values) => {
    for (const [name, value] of Object.entries(values)) {
      cells[name].textContent = fixed(value);
      cells[name].dataset.value = value;
    }
  };
  return { list, show };
}

/** Three decimals, with a true minus sign and no negative zero. */
function fixed(value, digits = 3) {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : text.replace("-", "−");
}

/** A plot's frame: pixels from numbers and back, axis lines, ticks and labels. */
function axes(svg, { left, top, width, height, x, y, xlabel, ylabel, xticks, yticks }) {
  const scale = ([from, to], start, length) => (value) => start + ((value - from) / (to - from)) * length;
  const px = scale(x, left, width);
  const py = scale(y, top + height, -height);
  const frame = element("svg:g", { stroke: PAPER.ink, "stroke-width": 1, fill: "none" });
  frame.append(element("svg:path", { d: `M${left} ${top}V${top + height}H${left + width}` }));
  const label = (text, attributes) => element("svg:text", { "font-size": 12, stroke: "none", ...attributes }, text);
  for (const tick of xticks) {
    frame.append(element("svg:path", { d: `M${px(tick)} ${top + height}v4` }));
    frame.append(label(String(tick).replace("-", "−"), { x: px(tick), y: top + height + 17, "text-anchor": "middle" }));
  }
  for (const tick of yticks) {
    frame.append(element("svg:path", { d: `M${left} ${py(tick)}h-4` }));
    frame.append(label(String(tick).replace("-", "−"), { x: left - 7, y: py(tick) + 4, "text-anchor": "end" }));
  }
  if (xlabel) frame.append(label(xlabel, { x: left + width / 2, y: top + height + 34, "text-anchor": "middle" }));
  if (ylabel) {
    const at = { x: 0, y: 0, transform: `translate(${left - 38} ${top + height / 2}) rotate(-90)`, "text-anchor": "middle" };
    frame.append(label(ylabel, at));
  }
  svg.append(frame);
  return { px, py, box: { left, top, width, height } };
}

/** Words in the picture. */
function words(x, y, text, color, anchor = "start", size = 12) {
  return element("svg:text", { x, y, "font-size": size, "text-anchor": anchor, style: `fill: ${color}` }, text);
}

/** A whole number in small digits below the line. */
function subscript(number) {
  return String(number).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]);
}

/** Whether the figure has a phone's width: its panels then stand one above the other. */
function narrow(el) {
  return el.clientWidth > 0 && el.clientWidth < 520;
}

/** The path of a curve through points in pixels. */
function path(points) {
  return "M" + points.map(([x, y]) => `${x.toFixed(2)} ${y.toFixed(2)}`).join("L");
}

/** `moved(x, y)` in the picture's own units while a pointer is pressed on the target and drags. */
function draggable(svg, target, moved) {
  const at = (event) => {
    const box = svg.getBoundingClientRect();
    const { width, height } = svg.viewBox.baseVal;
    moved(((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height);
  };
  target.addEventListener("pointerdown", (event) => {
    target.setPointerCapture(event.pointerId);
    event.preventDefault();
    at(event);
  });
  target.addEventListener("pointermove", (event) => target.hasPointerCapture(event.pointerId) && at(event));
}

/** The position of the value that lies nearest. */
function nearest(values, wanted) {
  return values.reduce((best, value, i) => (Math.abs(value - wanted) < Math.abs(values[best] - wanted) ? i : best), 0);
}

/** Puts a drawn figure in the place of its still picture, its controls below. */
function place(el, ...parts) {
  el.querySelector(":scope > img")?.remove();
  el.prepend(...parts);
}

/** A picture of its own size, which a screen reader meets as one image. */
function canvas(width, height) {
  return element("svg:svg", { viewBox: `0 0 ${width} ${height}`, role: "img", width, height });
}
