// Jensen's inequality on a weight that takes two values: the chord, the curve above it, and the gap between.

function jensenNumbers(first, second, share) {
  const mean = share * first + (1 - share) * second;
  const meanOfLog = share * Math.log(first) + (1 - share) * Math.log(second);
  return { mean, log_of_mean: Math.log(mean), mean_of_log: meanOfLog, gap: Math.log(mean) - meanOfLog };
}

function jensenFigure({ state, el, report }) {
  const { colors } = state;
  const [width, height] = narrow(el) ? [400, 330] : [700, 330];
  const svg = canvas(width, height);
  const plot = axes(svg, {
    left: 55, top: 15, width: width - 75, height: height - 65, x: [0, 5.3], y: [-2.5, 1.8], xlabel: "weight w", ylabel: "nats",
    xticks: [0, 1, 2, 3, 4, 5], yticks: [-2, -1, 0, 1],
  });
  const at = (w, log) => [plot.px(w), plot.py(log)];
  const grid = Array.from({ length: 240 }, (_, i) => 0.083 + (4.917 * i) / 239);
  const chord = element("svg:path", { stroke: colors.data, "stroke-width": 1.5, "stroke-dasharray": "5 4" });
  const guide = element("svg:path", { stroke: colors.data, "stroke-width": 1 });
  const bar = element("svg:path", { stroke: colors.bound, "stroke-width": 6 });
  const dots = [colors.evidence, colors.bound].map((fill) => element("svg:circle", { r: 5, fill }));
  const names = [words(0, 0, "log E[w]", colors.evidence, "end"), words(0, 0, "E[log w]", colors.bound), words(0, 0, "E[w]", colors.data)];
  const handles = ["a", "b"].map(() => element("svg:circle", { fill: colors.proxy, stroke: "#fff", "stroke-width": 2, class: "handle" }));
  svg.append(
    element("svg:path", { d: path(grid.map((w) => at(w, Math.log(w)))), fill: "none", stroke: colors.evidence, "stroke-width": 2 }),
    words(plot.px(0.62), plot.py(-1.6), "log w", colors.evidence, "start", 14),
    ...[guide, chord, bar, ...dots, ...names, ...handles],
  );
  const { region, say } = announcer();
  const list = numbers({ mean: "E[w]", log_of_mean: "log E[w]", mean_of_log: "E[log w]", gap: "gap" });
  const move = (node, x, y, [horizontal, vertical]) => {
    node.setAttribute(horizontal, x);
    node.setAttribute(vertical, y);
  };
  const draw = (positions, aloud = true) => {
    const [first, second, share] = state.controls.map(({ name, values }) => values[positions[name]]);
    const values = jensenNumbers(first, second, share);
    const ends = [at(first, Math.log(first)), at(second, Math.log(second))];
    const points = [at(values.mean, values.log_of_mean), at(values.mean, values.mean_of_log)];
    chord.setAttribute("d", path(ends));
    bar.setAttribute("d", path(points));
    guide.setAttribute("d", path([points[1], at(values.mean, -2.5)]));
    handles.forEach((handle, i) => {
      move(handle, ...ends[i], ["cx", "cy"]);
      handle.setAttribute("r", 6 + 8 * Math.sqrt([share, 1 - share][i])); // the likelier value is the larger dot
    });
    points.forEach(([x, y], i) => move(dots[i], x, y, ["cx", "cy"]));
    const [[x, high], [, low]] = points;
    [[x - 9, high - 9], [x + 10, low + 18], [x + 6, plot.py(-2.5) - 7]].forEach(([left, top], i) => move(names[i], left, top, ["x", "y"]));
    const side = values.mean > 3.8 ? "end" : "start"; // names stay inside the picture
    names.slice(1).forEach((name, i) => {
      name.setAttribute("text-anchor", side);
      if (side === "end") name.setAttribute("x", x - 10 + 4 * i);
    });
    list.show(values);
    const text = `Weights ${fixed(first, 2)} and ${fixed(second, 2)}, the first with probability ${fixed(share, 2)}: the logarithm of their mean is ${fixed(values.log_of_mean)}, the mean of their logarithms ${fixed(values.mean_of_log)}, the gap ${fixed(values.gap)}.`;
    svg.setAttribute("aria-label", text);
    if (aloud) say(text);
    report(positions);
  };
  const { panel, positions, set } = controls(state.controls, null, null, draw);
  handles.forEach((handle, i) =>
    draggable(svg, handle, (x) => {
      const spec = state.controls[i];
      set({ [spec.name]: nearest(spec.values, (5.3 * (x - plot.box.left)) / plot.box.width) });
    }),
  );
  place(el, svg);
  el.append(list.list, panel, region);
  draw(positions, false);
}

KINDS.jensen = jensenFigure;
