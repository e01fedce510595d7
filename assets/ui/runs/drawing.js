// include: components/shared/dom components/shared/updates runs/keeping
// The bar above the charts: x axis, smoothing, scale and limits of all of them, and the runs that they show. `props.value` is
// {rows: [{id, name, colour}], note}. What is set goes to the server by the event `aim`; a click on a run shows its lines
// alone (the event `isolate`), its cross takes it off the charts.
const root = element.querySelector(".drawing");
const KEPT = "runs-charts";
const AXES = { step: "Step", epoch: "Epoch", minutes: "Time", images: "Images" };
const setting = { axis: "step", smoothing: 0, log: false, core: false, ...kept(KEPT, {}), start: null, end: null };
let alone = null;

const controls = make("div", "chart-controls", root);
const axes = make("fieldset", "chart-axes", controls);
axes.id = "runs-axis";
make("legend", "sr-only", axes, "X axis");
for (const [key, title] of Object.entries(AXES)) {
  const label = make("label", "", axes);
  const input = make("input", "", label);
  input.type = "radio";
  input.name = "runs-axis";
  input.value = key;
  input.checked = setting.axis === key;
  input.addEventListener("change", () => set({ axis: key, start: null, end: null }));
  make("span", "", label, title);
}
const smoothing = labelled("Smoothing", "runs-smoothing", "range");
Object.assign(smoothing, { min: 0, max: 0.99, step: 0.01, value: setting.smoothing });
const strength = make("output", "chart-strength", smoothing.parentNode);
smoothing.addEventListener("input", () => set({ smoothing: Number(smoothing.value) }));
const log = labelled("Log scale", "runs-log", "checkbox", "Where all values are above 0");
log.checked = setting.log;
log.addEventListener("change", () => set({ log: log.checked }));
const core = labelled("Without outliers", "runs-core", "checkbox", "The y axes show the middle 98 % of the values");
core.checked = setting.core;
core.addEventListener("change", () => set({ core: core.checked }));
const limits = make("span", "chart-limits", controls);
const [start, end] = [["from", "runs-from"], ["to", "runs-to"]].map(([text, id]) => {
  const input = labelled(text, id, "number", `Limit of the x axis: ${text}`, limits);
  input.placeholder = "all";
  input.addEventListener("change", () => set({ start: numberIn(start), end: numberIn(end) }));
  return input;
});
const legend = make("div", "chart-legend", root);
legend.setAttribute("role", "group");
legend.setAttribute("aria-label", "Runs on the charts");

function labelled(text, id, type, title = "", parent = controls) {
  const label = make("label", "chart-control", parent);
  label.id = id;
  label.title = title;
  const input = make("input", "");
  input.type = type;
  if (type === "checkbox") label.append(input);
  make("span", "", label, text);
  if (type !== "checkbox") label.append(input);
  return input;
}

function numberIn(input) {
  return input.value === "" ? null : Number(input.value);
}

function set(changes) {
  Object.assign(setting, changes);
  for (const [input, value] of [[start, setting.start], [end, setting.end]]) input.value = value ?? "";
  strength.textContent = setting.smoothing ? setting.smoothing.toFixed(2) : "off";
  keep(KEPT, setting);
  tell();
}

function isolate(id) {
  alone = alone === id ? null : id;
  document.dispatchEvent(new CustomEvent("isolate", { detail: alone }));
  for (const button of legend.querySelectorAll(".legend-run")) button.setAttribute("aria-pressed", String(button.dataset.id === alone));
}

function chip({ id, name, colour }, place) {
  const node = make("span", "legend-chip");
  node.style.setProperty("--run-colour", colour);
  const button = make("button", "legend-run", node, name);
  Object.assign(button, { type: "button", title: `Show the lines of ${name} alone, or those of all again` });
  button.dataset.id = id;
  button.setAttribute("aria-pressed", String(alone === id));
  button.addEventListener("click", () => isolate(id));
  if (place === 0) return node;
  const away = make("button", "legend-away", node, "×");
  Object.assign(away, { type: "button", title: `Take ${name} off the charts` });
  away.setAttribute("aria-label", away.title);
  away.addEventListener("click", () => document.dispatchEvent(new CustomEvent("choose", { detail: { tick: [id], on: false } })));
  return node;
}

function draw() {
  const { rows = [], note = "" } = shown() || {};
  const focused = legend.contains(document.activeElement) ? document.activeElement.title : null;
  if (alone && !rows.some((row) => row.id === alone)) isolate(alone);
  legend.replaceChildren(...rows.map(chip));
  if (note) make("span", "runs-note", legend, note);
  if (focused) [...legend.querySelectorAll("button")].find((node) => node.title === focused)?.focus();
}

takeNews(root, draw);
watch("value", draw);
const tell = tellAim(() => ({ ...setting }));
set({});
draw();
