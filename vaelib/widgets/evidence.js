// The evidence does not move: a posterior N(mean, std²) that is known, a proxy N(μ, s²) that the reader drags, K weights.

const LOG_2PI = Math.log(2 * Math.PI);
const logNormal = (z, mean, std) => -0.5 * LOG_2PI - Math.log(std) - 0.5 * ((z - mean) / std) ** 2;

/** KL(q || p) between one-dimensional normal distributions. */
const klNormal = (mu, s, mean, std) => Math.log(std / s) + (s * s + (mu - mean) ** 2) / (2 * std * std) - 0.5;

/**
 * E[log (mean of K weights)] for weights with mean one, exactly: the integral over u of
 * exp(-exp(u)) - phi(exp(u) / K)^K with phi(t) = E[exp(-t w)] (both by the trapezoid rule).
 */
function logMeanOfWeights(mu, s, mean, std, K) {
  const n = 1201;
  const w = new Float64Array(n);
  const share = new Float64Array(n);
  let total = 0;
  for (let i = 0; i < n; i++) {
    const noise = -9 + (18 * i) / (n - 1);
    share[i] = Math.exp(-0.5 * noise * noise);
    total += share[i];
    w[i] = Math.exp(logNormal(mu + s * noise, mean, std) - logNormal(mu + s * noise, mu, s));
  }
  const step = 0.2;
  let sum = 0;
  for (let u = -30; u < 2000; u += step) {
    const t = Math.exp(u) / K;
    let phi = 0;
    for (let i = 0; i < n; i++) phi += share[i] * Math.exp(-t * w[i]);
    const ends = (phi / total) ** K;
    const difference = Math.exp(-Math.exp(u)) - ends;
    sum += difference * step;
    if (u > Math.log(K) + 2 && ends < 1e-13) break;
  }
  return sum;
}

/** All numbers of the figure, for a proxy N(mu, s²) and the first K draws of the noise. */
function evidenceNumbers({ mean, std, log_p, noise }, mu, s, K) {
  const kl = klNormal(mu, s, mean, std);
  const z = noise.slice(0, K).map((draw) => mu + s * draw);
  const logW = z.map((at) => log_p + logNormal(at, mean, std) - logNormal(at, mu, s));
  const largest = Math.max(...logW);
  const w = logW.map((value) => Math.exp(value - largest));
  const sum = w.reduce((a, b) => a + b);
  return {
    z,
    share: w.map((value) => value / sum),
    values: {
      log_p,
      bound: K === 1 ? log_p - kl : log_p + logMeanOfWeights(mu, s, mean, std, K),
      elbo: log_p - kl,
      kl,
      draw: largest + Math.log(sum / K),
      ess: (sum * sum) / w.reduce((a, b) => a + b * b, 0),
    },
  };
}

/** Where the two panels stand: side by side, or one above the other on a phone. */
function evidencePanels(svg, { log_p }, stacked) {
  const floor = log_p - 4.5;
  const ticks = Array.from({ length: 60 }, (_, i) => i - 50).filter((tick) => tick > floor && tick < log_p + 0.6);
  const z = axes(svg, {
    left: 20, top: 30, width: stacked ? 360 : 370, height: stacked ? 190 : 225, x: [-4, 4], y: [0, 1.25],
    xlabel: "latent z", xticks: [-4, -2, 0, 2, 4], yticks: [],
  });
  const nats = axes(svg, {
    left: stacked ? 60 : 470, top: stacked ? 280 : 30, width: stacked ? 230 : 150, height: stacked ? 180 : 225,
    x: [0, 1], y: [floor, log_p + 0.6], ylabel: "nats", xticks: [], yticks: ticks,
  });
  return { z, nats, floor };
}

/** The lines of the right panel: log p(x), the ELBO, L_K, and the bar between the first two. */
function evidenceLevels(nats, floor, colors, { log_p, elbo, bound }, K) {
  const at = (value) => Math.min(nats.py(floor) - 3, nats.py(value));
  const [top, low, high] = [log_p, elbo, bound].map(at);
  const line = (y, from, to, color, dash = "none") =>
    element("svg:path", { d: `M${nats.px(from)} ${y}H${nats.px(to)}`, stroke: color, "stroke-dasharray": dash });
  const below = (value) => (value < floor ? " ↓" : "");
  const gap = Math.max(0, low - top);
  const parts = [
    element("svg:rect", { x: nats.px(0.1), y: top, width: 14, height: gap, fill: colors.posterior, "fill-opacity": 0.3 }),
    line(top, 0, 1, colors.evidence, "6 4"),
    line(low, 0.05, 0.55, colors.proxy),
    words(nats.px(0.02), top - 7, "log p(x)", colors.evidence),
  ];
  const apart = K > 1 ? Math.max(low, high + 14) : low; // two names do not stand on each other
  parts.push(words(nats.px(1) + 6, apart + 4, `${K > 1 ? "ELBO" : "ELBO = L₁"}${below(elbo)}`, colors.proxy));
  if (K > 1) parts.push(line(high, 0.45, 0.95, colors.bound), words(nats.px(1) + 6, high + 4, `L${subscript(K)}${below(bound)}`, colors.bound));
  if (gap > 16) parts.push(words(nats.px(0.1) + 20, (top + low) / 2 + 4, "KL", colors.posterior));
  return parts;
}

function evidenceFigure({ state, el, report }) {
  const { colors } = state;
  const stacked = narrow(el);
  const svg = stacked ? canvas(400, 480) : canvas(700, 300);
  const { z, nats, floor } = evidencePanels(svg, state, stacked);
  const grid = Array.from({ length: 201 }, (_, i) => -4 + 0.04 * i);
  const curve = (mean, std) => path(grid.map((at) => [z.px(at), z.py(Math.min(1.3, Math.exp(logNormal(at, mean, std))))]));
  const posterior = curve(state.mean, state.std);
  const proxy = element("svg:path", { fill: "none", stroke: colors.proxy, "stroke-width": 2.5 });
  const sticks = element("svg:g", { stroke: colors.bound, "stroke-width": 2 });
  const handle = element("svg:circle", { r: 10, fill: colors.proxy, stroke: "#fff", "stroke-width": 2, class: "handle" });
  const levels = element("svg:g", { "stroke-width": 2, fill: "none" });
  svg.append(
    element("svg:path", { d: `${posterior}L${z.px(4)} ${z.py(0)}L${z.px(-4)} ${z.py(0)}Z`, fill: colors.posterior, "fill-opacity": 0.18 }),
    element("svg:path", { d: posterior, fill: "none", stroke: colors.posterior, "stroke-width": 2 }),
    ...[sticks, proxy, handle, levels],
    words(26, 20, "posterior p(z | x)", colors.posterior),
    words(160, 20, "proxy q", colors.proxy),
    words(230, 20, "weights of K draws", colors.bound),
  );
  const { region, say } = announcer();
  const list = numbers({ log_p: "log p(x)", bound: ["L", element("sub", {}, "K")], elbo: "ELBO", kl: "gap of the ELBO = KL", draw: "these K draws", ess: "their ESS" });
  const draw = (positions, aloud = true) => {
    const [mu, s, K] = state.controls.map(({ name, values }) => values[positions[name]]);
    const { z: drawn, share, values } = evidenceNumbers(state, mu, s, K);
    proxy.setAttribute("d", curve(mu, s));
    handle.setAttribute("cx", z.px(mu));
    handle.setAttribute("cy", z.py(Math.min(1.2, Math.exp(logNormal(mu, mu, s)))));
    const tallest = 0.45 / Math.max(...share);
    const stick = (at, i) => element("svg:path", { d: `M${z.px(at).toFixed(1)} ${z.py(0)}V${z.py(tallest * share[i]).toFixed(1)}` });
    sticks.replaceChildren(...drawn.map(stick).filter((_, i) => Math.abs(drawn[i]) < 4));
    levels.replaceChildren(...evidenceLevels(nats, floor, colors, values, K));
    list.show(values);
    const text = `Proxy with mean ${fixed(mu, 2)} and standard deviation ${fixed(s, 2)}, K = ${K}: ELBO ${fixed(values.elbo, 2)}, L_K ${fixed(values.bound, 2)}, log p(x) ${fixed(values.log_p, 2)} as ever.`;
    svg.setAttribute("aria-label", text);
    if (aloud) say(text);
    report(positions);
  };
  const { panel, positions, set } = controls(state.controls, null, state.presets, draw);
  draggable(svg, handle, (x, y) => {
    const [means, stds] = state.controls;
    const height = Math.max(0.02, 1.25 * (1 - (y - z.box.top) / z.box.height)); // the top of the curve follows the pointer
    const mu = -4 + (8 * (x - z.box.left)) / z.box.width;
    set({ [means.name]: nearest(means.values, mu), [stds.name]: nearest(stds.values, Math.exp(-0.5 * LOG_2PI) / height) });
  });
  place(el, svg);
  el.append(list.list, panel, region);
  draw(positions, false);
}

KINDS.evidence = evidenceFigure;
