// A map of pictures. `props.value` is its geometry and is sent once: {ids, frames: [{name, axes: [x, y(, z)]}], frame,
// note, empty}, with numbers as base64 of float32. What changes often comes apart: `props.paint` are the colours,
// {codes, names, colours} for classes or {values, title} for a scale; `props.marks` what is drawn above the points,
// {placed: [{at, label}], lines: [[from, to], …], selected: [rows]}. Triggers `click` with an id, `select` with ids and
// `frame` with the name of the frame shown.
const root = element.querySelector(".map");
const make = (tag, className, parent = root) => {
  const node = parent.appendChild(document.createElement(tag));
  node.className = className;
  return node;
};
const note = make("p", "map-note");
const stage = make("div", "map-stage");
const plot = make("div", "map-plot", stage);
const empty = make("div", "map-empty", stage);
const hover = make("div", "map-hover", stage);
const hoverImage = make("img", "", hover);
const hoverText = make("span", "", hover);
const legend = make("div", "map-legend");
const player = make("div", "map-player");
const play = make("button", "map-play", player);
play.type = "button";
const slider = make("input", "map-slider", player);
Object.assign(slider, { type: "range", min: 0, step: 1 });
slider.setAttribute("aria-label", "Checkpoint");
const frameName = make("span", "map-frame", player);

const SCALE = [[0, "#3b2f7d"], [0.25, "#2c6fa8"], [0.5, "#2fa88f"], [0.75, "#a6cf4f"], [1, "#fbe24b"]];
const [POINTS, LINES, PLACED] = [0, 1, 2];
const TWEEN_MS = 450;

let geometry = null; // {ids, frames: [[x, y, z?]…], dims}
let shown = []; // the axes on the screen, halfway between two frames while they move
let current = 0;
let hidden = new Set();
let codes = null;
let drawn = false;
let timer = null;

function decode(text, kind) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new kind(bytes.buffer);
}

function look() {
  const css = getComputedStyle(root);
  const colour = (name) => css.getPropertyValue(name).trim();
  return { text: colour("--body-text-color-subdued"), strong: colour("--body-text-color"), line: colour("--border-color-primary"),
           accent: colour("--color-accent"), font: css.fontFamily };
}

// Points of a class that is switched off have no place: neither hover nor lasso finds them.
function visible(axes) {
  if (!hidden.size || !codes) return axes;
  return axes.map((axis) => axis.map((v, i) => (hidden.has(codes[i]) ? NaN : v)));
}

function named(axes) {
  return Object.fromEntries(axes.map((axis, i) => ["xyz"[i], axis]));
}

function marker() {
  const paint = props.paint || {};
  const size = geometry.dims === 3 ? 2.5 : geometry.ids.length > 20000 ? 3 : geometry.ids.length > 4000 ? 4 : 6;
  const base = { size, opacity: geometry.ids.length > 20000 ? 0.6 : 0.8, line: { width: 0 } };
  if (paint.codes) {
    const n = Math.max(paint.names.length, 1);
    const scale = paint.names.flatMap((_, i) => [[i / n, paint.colours[i]], [(i + 1) / n, paint.colours[i]]]);
    return { ...base, color: Array.from(codes), colorscale: scale, cmin: -0.5, cmax: n - 0.5, showscale: false };
  }
  if (paint.values) {
    const values = decode(paint.values, Float32Array);
    return { ...base, color: Array.from(values), colorscale: SCALE, cmin: Math.min(...paint.range), cmax: Math.max(...paint.range),
             showscale: true, colorbar: { thickness: 8, len: 0.5, outlinewidth: 0, title: { text: paint.title, side: "right" }, tickfont: { size: 11 } } };
  }
  return { ...base, color: look().accent, showscale: false };
}

function above() {
  const marks = props.marks || {};
  const axes = [...Array(geometry.dims)].map(() => []);
  for (const [from, to] of marks.lines || []) {
    for (let d = 0; d < geometry.dims; d++) axes[d].push(point(from)[d], point(to)[d], null);
  }
  const placed = (marks.placed || []).map((mark) => ({ ...mark, at: point(mark.at) }));
  return { lines: axes, placed: [...Array(geometry.dims)].map((_, d) => placed.map((mark) => mark.at[d])), labels: placed.map((m) => m.label) };
}

// An end of a line is a row of the map, or coordinates.
const point = (end) => (Array.isArray(end) ? end : shown.map((axis) => axis[end]));

function traces() {
  const kind = geometry.dims === 3 ? "scatter3d" : "scattergl";
  const { lines, placed, labels } = above();
  const { strong } = look();
  const selected = (props.marks || {}).selected;
  const points = { type: kind, mode: "markers", ...named(visible(shown)), customdata: geometry.ids, marker: marker(), hoverinfo: "none" };
  if (kind === "scattergl") {
    points.selected = { marker: { opacity: 0.95 } };
    points.unselected = { marker: { opacity: 0.12 } };
    points.selectedpoints = selected && selected.length ? selected : null;
  }
  return [
    points,
    { type: geometry.dims === 3 ? "scatter3d" : "scatter", mode: "lines", ...named(lines), line: { color: strong, width: 1 }, opacity: 0.55, hoverinfo: "skip" },
    { type: geometry.dims === 3 ? "scatter3d" : "scatter", mode: "markers+text", ...named(placed), text: labels, textposition: "top center",
      textfont: { color: strong, size: 12 }, hoverinfo: "skip",
      marker: { symbol: geometry.dims === 3 ? "diamond" : "star", size: geometry.dims === 3 ? 6 : 15, color: "#e4572e", line: { color: "#fff", width: 1.2 } } },
  ];
}

function layout() {
  const { text, font } = look();
  const axis = { showgrid: false, zeroline: false, showticklabels: false, ticks: "", showline: false };
  const common = { autosize: false, width: plot.clientWidth, height: plot.clientHeight, margin: { l: 4, r: 4, t: 4, b: 4 }, showlegend: false, hovermode: "closest",
                   paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: font, size: 12, color: text },
                   uirevision: props.value.key || "same", selectionrevision: props.value.key || "same",
                   modebar: { bgcolor: "rgba(0,0,0,0)", color: text, activecolor: look().accent, orientation: "v" } };
  if (geometry.dims === 3) {
    const bare = { ...axis, title: { text: "" }, showbackground: false, showspikes: false };
    return { ...common, scene: { xaxis: bare, yaxis: bare, zaxis: bare, aspectmode: "data" } };
  }
  const range = (d) => {
    const all = geometry.frames.flatMap((axes) => extent(axes[d]));
    const [low, high] = [Math.min(...all), Math.max(...all)];
    return [low - 0.05 * (high - low || 1), high + 0.05 * (high - low || 1)];
  };
  const keep = drawn && plot._fullLayout && plot._fullLayout.xaxis && plot.dataset.key === String(props.value.key);
  return { ...common, dragmode: keep ? plot._fullLayout.dragmode : "lasso",
           xaxis: { ...axis, range: range(0) }, yaxis: { ...axis, range: range(1), scaleanchor: "x" } };
}

function extent(axis) {
  let [low, high] = [Infinity, -Infinity];
  for (const v of axis) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return [low, high];
}

let busy = Promise.resolve();
const queued = new Set();
// One change at a time, each kind at most once in the queue: plotly finishes later than it returns.
function change(work) {
  if (queued.has(work)) return busy;
  queued.add(work);
  busy = busy.then(() => {
    queued.delete(work);
    return work();
  }).catch((error) => console.error(error));
  return busy;
}

async function render() {
  const value = props.value || {};
  empty.textContent = value.frames ? "" : value.empty || "";
  note.textContent = value.frames ? value.note || "" : "";
  root.classList.toggle("is-empty", !value.frames);
  if (!value.frames) return;
  if (plot.dataset.key !== String(value.key) || !geometry) {
    const frames = value.frames.map((frame) => frame.axes.map((axis) => decode(axis, Float32Array)));
    geometry = { ids: value.ids, frames, dims: frames[0].length };
    hidden = new Set();
    current = Math.min(value.frame ?? frames.length - 1, frames.length - 1);
    shown = geometry.frames[current];
    stop();
  }
  readCodes();
  controls();
  drawLegend();
  if (!plot.clientWidth) return;
  await Plotly.react(plot, traces(), layout(), {
    displaylogo: false, responsive: false, scrollZoom: true, doubleClick: "reset",
    modeBarButtons: geometry.dims === 3 ? [["orbitRotation", "pan3d", "resetCameraDefault3d", "toImage"]] : [["pan2d", "zoom2d", "lasso2d", "select2d", "resetScale2d", "toImage"]],
  });
  plot.dataset.key = String(value.key);
  plot.dataset.ready = "yes";
  if (!drawn) listen();
  drawn = true;
}

function readCodes() {
  codes = props.paint && props.paint.codes ? decode(props.paint.codes, Int16Array) : null;
}

function listen() {
  plot.on("plotly_click", ({ points }) => {
    const [first] = points.filter((p) => p.curveNumber === POINTS);
    if (first) trigger("click", { id: first.customdata });
  });
  plot.on("plotly_selected", (event) => {
    if (!event) return;
    const ids = event.points.filter((p) => p.curveNumber === POINTS).map((p) => p.customdata);
    if (ids.length) trigger("select", { ids });
  });
  plot.on("plotly_hover", ({ points, event }) => showHover(points[0], event));
  plot.on("plotly_unhover", () => hover.classList.remove("is-shown"));
}

// --- the picture under the pointer ------------------------------------------------------------------------
const pictures = new Map();
let over = null;

async function showHover(at, event) {
  if (!at || at.curveNumber !== POINTS) return;
  over = at.customdata;
  const box = stage.getBoundingClientRect();
  const paint = props.paint || {};
  const name = paint.names && codes ? paint.names[codes[at.pointNumber]] : "";
  hoverText.textContent = [name, over].filter(Boolean).join(" · ");
  hover.style.left = `${Math.min(event.clientX - box.left + 14, box.width - 150)}px`;
  hover.style.top = `${Math.min(event.clientY - box.top + 14, box.height - 130)}px`;
  hoverImage.removeAttribute("src");
  hover.classList.add("is-shown");
  const id = over;
  if (!pictures.has(id)) pictures.set(id, thumbnail(id));
  const source = await pictures.get(id);
  if (id === over && source) hoverImage.src = source;
}

async function thumbnail(id) {
  if ((props.value || {}).atlas) return fromAtlas(id);
  await new Promise((resolve) => setTimeout(resolve, 40)); // a pointer that only passes asks for nothing
  if (id !== over) {
    pictures.delete(id);
    return null;
  }
  return typeof server === "undefined" ? null : server.thumbnail({ ...props.value.of, id });
}

// A page of its own carries all thumbnails in one picture.
async function fromAtlas(id) {
  const { src, columns, size } = props.value.atlas;
  if (!fromAtlas.image) {
    fromAtlas.image = new Image();
    fromAtlas.image.src = src;
  }
  await fromAtlas.image.decode();
  const row = geometry.ids.indexOf(id);
  const canvas = Object.assign(document.createElement("canvas"), { width: size, height: size });
  canvas.getContext("2d").drawImage(fromAtlas.image, (row % columns) * size, Math.floor(row / columns) * size, size, size, 0, 0, size, size);
  return canvas.toDataURL();
}

// --- legend ---------------------------------------------------------------------------------------------
function drawLegend() {
  const paint = props.paint || {};
  legend.replaceChildren();
  if (!paint.codes) return;
  const counts = new Array(paint.names.length).fill(0);
  for (const code of codes) counts[code] += 1;
  paint.names.forEach((name, index) => {
    if (!counts[index]) return;
    const entry = make("button", "map-class", legend);
    entry.type = "button";
    entry.setAttribute("aria-pressed", String(!hidden.has(index)));
    make("span", "map-dot", entry).style.background = paint.colours[index];
    make("span", "", entry).textContent = `${name} ${counts[index].toLocaleString("en")}`;
    entry.addEventListener("click", () => {
      if (!hidden.delete(index)) hidden.add(index);
      entry.setAttribute("aria-pressed", String(!hidden.has(index)));
      change(move);
    });
  });
}

// --- small changes ----------------------------------------------------------------------------------------
async function move() {
  if (!drawn) return;
  const axes = visible(shown);
  const { lines, placed } = above();
  const update = {};
  axes.forEach((axis, d) => (update["xyz"[d]] = [axis, lines[d], placed[d]]));
  await Plotly.restyle(plot, update, [POINTS, LINES, PLACED]);
}

async function repaint() {
  readCodes();
  if (!geometry) return;
  drawLegend();
  if (drawn) await Plotly.restyle(plot, { marker: [marker()] }, [POINTS]);
}

async function mark() {
  if (!drawn || !geometry) return;
  const { lines, placed, labels } = above();
  const update = { text: [labels] };
  lines.forEach((_, d) => (update["xyz"[d]] = [placed[d]]));
  await Plotly.restyle(plot, Object.fromEntries(lines.map((axis, d) => ["xyz"[d], [axis]])), [LINES]);
  await Plotly.restyle(plot, update, [PLACED]);
  const selected = (props.marks || {}).selected;
  if (geometry.dims === 2 && selected) await Plotly.restyle(plot, { selectedpoints: [selected.length ? selected : null] }, [POINTS]);
}

// --- through training -------------------------------------------------------------------------------------
function controls() {
  const names = (props.value.frames || []).map((frame) => frame.name);
  player.hidden = names.length < 2;
  slider.max = names.length - 1;
  slider.value = current;
  frameName.textContent = names[current] || "";
  play.textContent = timer ? "Pause" : "Play";
}

function show(index, told = true) {
  const from = shown.map((axis) => axis.slice());
  const to = geometry.frames[index];
  current = index;
  controls();
  const began = performance.now();
  const small = geometry.ids.length <= 20000;
  const step = () => {
    if (current !== index) return;
    const t = small ? Math.min(1, (performance.now() - began) / TWEEN_MS) : 1;
    const eased = t * t * (3 - 2 * t);
    shown = t < 1 ? to.map((axis, d) => axis.map((v, i) => from[d][i] + eased * (v - from[d][i]))) : to;
    change(move).then(() => t < 1 && requestAnimationFrame(step));
  };
  step();
  if (told) trigger("frame", { name: props.value.frames[index].name });
}

function stop() {
  clearInterval(timer);
  timer = null;
  play.textContent = "Play";
}

slider.addEventListener("input", () => {
  stop();
  show(Number(slider.value));
});
play.addEventListener("click", () => {
  if (timer) return stop();
  const next = () => (current + 1 < geometry.frames.length ? show(current + 1) : stop());
  if (current + 1 >= geometry.frames.length) show(0);
  timer = setInterval(next, 1100);
  play.textContent = "Pause";
});

watch("value", () => change(render));
watch("paint", () => change(repaint));
watch("marks", () => change(mark));
new ResizeObserver(() => {
  if (plot.clientWidth && (!drawn || plot._fullLayout.width !== plot.clientWidth)) change(render);
}).observe(plot);
new MutationObserver(() => change(render)).observe(document.body, { attributeFilter: ["class"] });
change(render);
