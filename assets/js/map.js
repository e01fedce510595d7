// include: shared/dom shared/plot map/points map/hover map/legend map/player
// A map of pictures. `props.value` is its geometry and is sent once: {ids, frames: [{name, axes: [x, y(, z)]}], note,
// empty, key}, with numbers as base64 of float32. What changes often comes apart: `props.paint` are the colours, {codes,
// names, colours} for classes or {values, title, range} for a scale; `props.marks` what is drawn above the points,
// {placed: [{at, label}], lines: [[from, to], …], selected: [rows]}. Triggers `click` with an id, `select` with ids and
// `frame` with the name of the frame shown.
const root = element.querySelector(".map");
const note = make("p", "map-note", root);
const stage = make("div", "map-stage", root);
const node = make("div", "map-plot", stage);
const empty = make("div", "map-empty", stage);
const [POINTS, LINES, PLACED, CHOSEN] = [0, 1, 2, 3];
const TWEEN_MS = 450;
const TWEEN_UP_TO = 20000; // points; more would not move smoothly

let geometry = null; // {key, ids, frames: [[x, y, z?]…], dims}
let shown = []; // the axes on the screen, halfway between two frames while they move
let current = 0;
let codes = null;
let atlas = null;

const hover = hoverCard(stage, async (id) => {
  if (atlas) return atlas(geometry.ids.indexOf(id));
  return typeof server === "undefined" ? null : server.thumbnail({ ...props.value.of, id });
});
const legend = legendOf(root, () => plot.change(move));
const player = playerOf(root, show);
const plot = plotlyIn(node, wanted, listen);

// --- what plotly is given -----------------------------------------------------------------------------------
const chosen = () => (props.marks || {}).selected || [];

// Points of a class that is switched off have no place: neither hover nor lasso finds them.
function visible(axes) {
  if (!legend.hidden.size || !codes) return axes;
  return axes.map((axis) => axis.map((v, i) => (legend.hidden.has(codes[i]) ? NaN : v)));
}

// Lines and pictures above the points. An end of a line is a row of the map, or coordinates.
function above() {
  const { lines = [], placed = [] } = props.marks || {};
  const at = (end) => (Array.isArray(end) ? end : shown.map((axis) => axis[end]));
  return {
    lines: shown.map((_, d) => lines.flatMap(([from, to]) => [at(from)[d], at(to)[d], null])),
    placed: shown.map((_, d) => placed.map((mark) => at(mark.at)[d])),
    labels: placed.map((mark) => mark.label),
  };
}

// Plotly can dim what is not selected in 2D alone; in 3D the chosen points are drawn once more, above faint others.
function marker() {
  const { ids, dims } = geometry;
  const faint = dims === 3 && chosen().length > 0;
  return markerOf(props.paint || {}, codes, { count: ids.length, dims, accent: pageColours(root).accent, faint });
}

function chosenPoints() {
  const all = { ...markerOf(props.paint || {}, codes, { count: 0, dims: 3, accent: pageColours(root).accent }), showscale: false };
  const rows = geometry.dims === 3 ? chosen() : [];
  return {
    ...asXyz(visible(shown).map((axis) => rows.map((row) => axis[row]))), customdata: rows.map((row) => geometry.ids[row]),
    marker: { ...all, size: 5, color: Array.isArray(all.color) ? rows.map((row) => all.color[row]) : all.color },
  };
}

function wanted() {
  if (!geometry) return null;
  const { ids, dims } = geometry;
  const kind = dims === 3 ? "scatter3d" : "scatter";
  const { lines, placed, labels } = above();
  const { strong, surface } = pageColours(root);
  const flat = { selected: { marker: { opacity: 0.95 } }, unselected: { marker: { opacity: 0.12 } }, selectedpoints: chosen().length ? chosen() : null };
  const star = { symbol: dims === 3 ? "diamond" : "star", size: dims === 3 ? 6 : 15, color: "#e4572e", line: { color: surface, width: 1.2 } };
  const traces = [
    { type: dims === 3 ? "scatter3d" : "scattergl", mode: "markers", ...asXyz(visible(shown)), customdata: ids, marker: marker(), hoverinfo: "none", ...(dims === 2 && flat) },
    { type: kind, mode: "lines", ...asXyz(lines), line: { color: strong, width: dims === 3 ? 2 : 1 }, opacity: 0.55, hoverinfo: "skip" },
    { type: kind, mode: "markers+text", ...asXyz(placed), text: labels, textposition: "top center", textfont: { color: strong, size: 12 }, marker: star, hoverinfo: "skip" },
  ];
  if (dims === 3) traces.push({ type: kind, mode: "markers", hoverinfo: "none", ...chosenPoints() });
  return { key: geometry.key, traces, layout: layout(), config: { scrollZoom: true, modeBarButtons: [dims === 3 ? ["orbitRotation", "pan3d", "resetCameraDefault3d", "toImage"] : ["pan2d", "zoom2d", "lasso2d", "select2d", "resetScale2d", "toImage"]] } };
}

function layout() {
  const { key, frames, dims } = geometry;
  const bare = { showgrid: false, zeroline: false, showticklabels: false, ticks: "", showline: false };
  const common = { margin: { l: 4, r: 4, t: 4, b: 4 }, hovermode: "closest", uirevision: key, selectionrevision: key };
  if (dims === 3) {
    const axis = { ...bare, title: { text: "" }, showbackground: false, showspikes: false };
    return { ...common, scene: { xaxis: axis, yaxis: axis, zaxis: axis, aspectmode: "data" } };
  }
  const range = (d) => roomFor(frames.map((axes) => axes[d]));
  const same = plot.has(key);
  return { ...common, dragmode: same ? node._fullLayout.dragmode : "lasso",
           xaxis: { ...bare, range: range(0) }, yaxis: { ...bare, range: range(1), scaleanchor: "x" } };
}

// --- what comes back ------------------------------------------------------------------------------------------
const isPoint = (p) => p.curveNumber === POINTS || p.curveNumber === CHOSEN;

function listen() {
  node.on("plotly_click", ({ points }) => {
    const first = points.find(isPoint);
    if (first) trigger("click", { id: first.customdata });
  });
  node.on("plotly_selected", (event) => {
    const ids = event ? event.points.filter(isPoint).map((p) => p.customdata) : [];
    if (ids.length) trigger("select", { ids });
  });
  node.on("plotly_hover", ({ points: [at], event }) => {
    if (!at || !isPoint(at)) return;
    const names = (props.paint || {}).names || [];
    const name = codes ? names[codes[at.curveNumber === CHOSEN ? chosen()[at.pointNumber] : at.pointNumber]] : "";
    hover.show(at.customdata, [name, at.customdata].filter(Boolean).join(" · "), event);
  });
  node.on("plotly_unhover", hover.hide);
}

// --- changes: the whole, colours, marks, and places ---------------------------------------------------------------
function take() {
  const { frames: given, ids, key = "", note: told = "", empty: sentence = "", atlas: sheet } = props.value || {};
  root.classList.toggle("is-empty", !given);
  empty.textContent = given ? "" : sentence;
  note.textContent = given ? told : "";
  if (!given) return;
  if (!geometry || geometry.key !== key) {
    const frames = given.map((frame) => frame.axes.map((axis) => decode(axis, Float32Array)));
    geometry = { key, ids, frames, dims: frames[0].length };
    atlas = sheet ? atlasReader(sheet) : null;
    current = frames.length - 1;
    shown = frames[current];
    legend.hidden.clear();
    hover.forget();
    player.frames(given.map((frame) => frame.name), current);
  }
  readPaint();
  plot.draw();
}

function readPaint() {
  const paint = props.paint || {};
  codes = paint.codes ? decode(paint.codes, Int16Array) : null;
  legend.draw(paint, codes);
}

// Each of these changes what is on the screen; a map that is still to be drawn will come with them.
async function recolour() {
  if (!geometry || !plot.has(geometry.key)) return;
  await Plotly.restyle(node, { marker: [marker()] }, [POINTS]);
  if (geometry.dims === 3) await restyleChosen();
}

async function mark() {
  if (!geometry || !plot.has(geometry.key)) return;
  const { lines, placed, labels } = above();
  await Plotly.restyle(node, wrapped(asXyz(lines)), [LINES]);
  await Plotly.restyle(node, { ...wrapped(asXyz(placed)), text: [labels] }, [PLACED]);
  if (geometry.dims === 3) return recolour();
  if ((props.marks || {}).selected) await Plotly.restyle(node, { selectedpoints: [chosen().length ? chosen() : null] }, [POINTS]);
}

async function move() {
  if (!geometry || !plot.has(geometry.key)) return;
  const { lines, placed } = above();
  const update = {};
  visible(shown).forEach((axis, d) => (update["xyz"[d]] = [axis, lines[d], placed[d]]));
  await Plotly.restyle(node, update, [POINTS, LINES, PLACED]);
  if (geometry.dims === 3) await restyleChosen();
}

const wrapped = (update) => Object.fromEntries(Object.entries(update).map(([name, value]) => [name, [value]]));
const restyleChosen = () => Plotly.restyle(node, wrapped(chosenPoints()), [CHOSEN]);

// Moves to another frame; points keep their ids.
function show(index) {
  const [from, to, began] = [shown, geometry.frames[index], performance.now()];
  current = index;
  const step = () => {
    if (current !== index) return;
    const t = geometry.ids.length <= TWEEN_UP_TO ? Math.min(1, (performance.now() - began) / TWEEN_MS) : 1;
    const eased = t * t * (3 - 2 * t);
    shown = t < 1 ? to.map((axis, d) => axis.map((v, i) => from[d][i] + eased * (v - from[d][i]))) : to;
    plot.change(move).then(() => t < 1 && requestAnimationFrame(step));
  };
  step();
  trigger("frame", { name: props.value.frames[index].name });
}

watch("value", take);
watch("paint", () => {
  readPaint();
  plot.change(recolour);
});
watch("marks", () => plot.change(mark));
take();
