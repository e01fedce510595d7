// include: components/shared/dom components/shared/plot look/map/points look/map/cloud look/map/pictures look/map/hover look/map/legend look/map/player
// A map of images. `props.value` is its geometry and is sent once: {ids, frames: [{name, axes: [x, y(, z)]}], note,
// empty, key}. What is long is one string, since gradio copies every value at every event of the page: ids as JSON, numbers
// as base64 of float32. What changes often comes apart: `props.paint` are the colours, {codes,
// names, colours} for classes or {values, title, range} for a scale; `props.marks` what is drawn above the points,
// {placed: [{at, label}], lines: [[from, to], …], selected: rows as base64 of int32}, each as it was where it is missing. Triggers `click` with an id, `select` with ids as JSON and
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
let selected = []; // rows
let marks = { placed: [], lines: [] };
let codes = null;
let inks = null; // colours of a flat map's points
let cloud = null;
let atlas = null;

// Addresses of images by id: from the server, or out of the page itself.
async function addresses(ids) {
  if (!atlas) return typeof server === "undefined" ? {} : server.thumbnails({ ...props.value.of, ids });
  return Object.fromEntries(await Promise.all(ids.map(async (id) => [id, await atlas(geometry.ids.indexOf(id))])));
}

const hover = hoverCard(stage, async (id) => (await addresses([id]))[id]);
const pictures = picturesOf(addresses, () => cloud && cloud.draw());
const legend = legendOf(root, () => plot.change(move));
const player = playerOf(root, show);
const plot = plotlyIn(node, wanted, listen);

// --- what plotly is given -----------------------------------------------------------------------------------
// Points of a class that is switched off have no place: neither hover nor lasso finds them.
const hidden = (row) => codes !== null && legend.hidden.size > 0 && legend.hidden.has(codes[row]);
const visible = (axes) => (legend.hidden.size ? axes.map((axis) => axis.map((v, row) => (hidden(row) ? NaN : v))) : axes);

// Lines and images above the points. An end of a line is a row of the map, or coordinates.
function above() {
  const { lines, placed } = marks;
  const at = (end) => (Array.isArray(end) ? end : shown.map((axis) => axis[end]));
  return {
    lines: shown.map((_, d) => lines.flatMap(([from, to]) => [at(from)[d], at(to)[d], null])),
    placed: shown.map((_, d) => placed.map((mark) => at(mark.at)[d])),
    labels: placed.map((mark) => mark.label),
  };
}

// In 2D a canvas draws the points, and plotly has one without a place, for the scale beside the plot. In 3D plotly draws
// them all, and the chosen ones once more, above faint others.
function points() {
  const { ids, dims } = geometry;
  const { accent } = pageColours(root);
  if (dims === 2) return { ...asXyz([[null], [null]]), marker: { ...scaleOf(props.paint || {}), color: [0] }, hoverinfo: "skip" };
  const faint = selected.length > 0;
  const marker = markerOf(props.paint || {}, codes, { count: ids.length, dims, accent, faint });
  return { ...asXyz(visible(shown)), customdata: ids, marker, hoverinfo: "none" };
}

function beneath() {
  if (!geometry || geometry.dims !== 2) return null;
  const ground = () => pageColours(root).surface;
  return { axes: shown, inks, dot: dotOf(geometry.ids.length, 2), hidden, chosen: selected, ground, picture: (row) => pictures.get(geometry.ids[row]) };
}

function chosenPoints() {
  const all = { ...markerOf(props.paint || {}, codes, { count: 0, dims: 3, accent: pageColours(root).accent }), showscale: false };
  const rows = geometry.dims === 3 ? selected : [];
  return {
    ...asXyz(visible(shown).map((axis) => rows.map((row) => axis[row]))), customdata: rows.map((row) => geometry.ids[row]),
    marker: { ...all, size: 5, color: Array.isArray(all.color) ? rows.map((row) => all.color[row]) : all.color },
  };
}

function wanted() {
  if (!geometry) return null;
  const { dims } = geometry;
  const kind = dims === 3 ? "scatter3d" : "scatter";
  const { lines, placed, labels } = above();
  const { strong, surface } = pageColours(root);
  const star = { symbol: dims === 3 ? "diamond" : "star", size: dims === 3 ? 6 : 15, color: "#e4572e", line: { color: surface, width: 1.2 } };
  const same = { unselected: { marker: { opacity: 1 }, textfont: { color: strong } } }; // a lasso dims none of these
  const traces = [
    { type: kind, mode: "markers", ...points() },
    { type: kind, mode: "lines", ...asXyz(lines), line: { color: strong, width: dims === 3 ? 2 : 1 }, opacity: 0.55, hoverinfo: "skip" },
    { type: kind, mode: "markers+text", ...asXyz(placed), text: labels, textposition: "top center", textfont: { color: strong, size: 12 }, marker: star, hoverinfo: "skip", ...(dims === 2 && same) },
  ];
  if (dims === 3) traces.push({ type: kind, mode: "markers", hoverinfo: "none", ...chosenPoints() });
  const image = { name: "image", title: "Save as an image", icon: Plotly.Icons.camera, click: saveImage };
  const buttons = dims === 3 ? ["orbitRotation", "pan3d", "resetCameraDefault3d", "toImage"] : ["pan2d", "zoom2d", "lasso2d", "select2d", "resetScale2d", image];
  return { key: geometry.key, traces, layout: layout(), config: { scrollZoom: true, modeBarButtons: [buttons] } };
}

// Plotly's own would leave the canvas out.
async function saveImage() {
  const canvas = { source: cloud.image(), xref: "paper", yref: "paper", x: 0, y: 1, sizex: 1, sizey: 1, sizing: "stretch", layer: "below" };
  const figure = { data: node.data, layout: { ...node.layout, paper_bgcolor: pageColours(root).surface, images: [canvas] } };
  const href = await Plotly.toImage(figure, { format: "png", scale: 2, width: node.clientWidth, height: node.clientHeight });
  Object.assign(document.createElement("a"), { href, download: "map.png" }).click();
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
  cloud = cloudIn(node, beneath);
  cloud.draw();
  node.addEventListener("click", (event) => {
    const row = overPlot(event) ? cloud.at(event) : -1;
    if (row >= 0) trigger("click", { id: geometry.ids[row] });
  });
  node.addEventListener("mousemove", (event) => {
    const row = overPlot(event) && !event.buttons ? cloud.at(event) : -1;
    if (row >= 0) point(row, event);
    else if (geometry.dims === 2) hover.hide();
  });
  node.addEventListener("mouseleave", hover.hide);
  node.on("plotly_selected", (event) => {
    selected = cloud.inside(event);
    cloud.draw();
    if (selected.length) trigger("select", { ids: JSON.stringify(selected.map((row) => geometry.ids[row])) });
  });
  node.on("plotly_deselect", () => {
    selected = [];
    cloud.draw();
  });
  node.on("plotly_click", ({ points }) => {
    const first = points.find(isPoint);
    if (first) trigger("click", { id: first.customdata });
  });
  node.on("plotly_hover", ({ points: [at], event }) => {
    if (at && isPoint(at)) point(at.curveNumber === CHOSEN ? selected[at.pointNumber] : at.pointNumber, event);
  });
  node.on("plotly_unhover", hover.hide);
}

const overPlot = (event) => geometry.dims === 2 && event.target.classList.contains("nsewdrag");

function point(row, event) {
  const names = (props.paint || {}).names || [];
  const id = geometry.ids[row];
  hover.show(id, [codes ? names[codes[row]] : "", id].filter(Boolean).join(" · "), event);
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
    geometry = { key, ids: JSON.parse(ids), frames, dims: frames[0].length };
    selected = [];
    marks = { placed: [], lines: [] };
    atlas = sheet ? atlasReader(sheet) : null;
    current = frames.length - 1;
    shown = frames[current];
    legend.hidden.clear();
    hover.forget();
    pictures.forget();
    player.frames(given.map((frame) => frame.name), current);
  }
  readPaint();
  plot.draw();
}

function readPaint() {
  const paint = props.paint || {};
  codes = paint.codes ? decode(paint.codes, Int16Array) : null;
  inks = geometry ? inksOf(paint, codes, geometry.ids.length, pageColours(root).accent) : null;
  legend.draw(paint, codes);
}

// Each of these changes what is on the screen; a map that is still to be drawn will come with them.
async function recolour() {
  if (!geometry || !plot.has(geometry.key)) return;
  await Plotly.restyle(node, { marker: [points().marker] }, [POINTS]);
  if (geometry.dims === 3) await restyleChosen();
}

async function mark() {
  if (!geometry || !plot.has(geometry.key)) return;
  const { lines, placed, labels } = above();
  await Plotly.restyle(node, wrapped(asXyz(lines)), [LINES]);
  await Plotly.restyle(node, { ...wrapped(asXyz(placed)), text: [labels] }, [PLACED]);
  if (geometry.dims === 3) await recolour();
}

async function move() {
  if (!geometry || !plot.has(geometry.key)) return;
  const { lines, placed } = above();
  const { marker, customdata, hoverinfo, ...own } = points();
  const update = {};
  Object.entries(own).forEach(([name, axis], d) => (update[name] = [axis, lines[d], placed[d]]));
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
    shown = t < 1 ? between(from, to, t) : to;
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
watch("marks", () => {
  const { selected: given, ...others } = props.marks || {};
  marks = { ...marks, ...others };
  if (given !== undefined) selected = Array.from(decode(given, Int32Array));
  plot.change(mark);
});
take();
