// include: components/shared/dom components/shared/plot components/shared/updates
// A chart. `props.value` is {data, layout, revision, empty, linked}; `props.heading` and `props.note` stand above it. Triggers
// `click` and `select` with the ids of the points. Charts that are linked by the same name show the values at the same x
// as a pointer moves over one of them, and the lines of one run alone (by their `meta`) after the event `isolate`.
const root = element.querySelector(".chart");
const heading = make("div", "chart-heading", root);
const title = make("h3", "", heading);
const note = make("span", "", heading);
const empty = make("div", "chart-empty", root);
const ids = (points) => (points || []).map((point) => point.customdata).filter((id) => id !== undefined);

const plotNode = make("div", "chart-plot", root);
const plot = plotlyIn(plotNode, wanted, (node) => {
  node.on("plotly_click", (event) => trigger("click", { ids: ids(event.points) }));
  node.on("plotly_selected", (event) => event && trigger("select", { ids: ids(event.points) }));
  node.on("plotly_hover", (event) => tellOthers(event, event.xvals?.[0] ?? event.points?.[0]?.x));
  node.on("plotly_unhover", (event) => tellOthers(event, null));
});
let alone = null;

// Of a pointer alone: a chart that follows another has the same events, later, and two would follow each other for ever.
function tellOthers(event, x) {
  const { linked } = shown() || {};
  if (linked && event?.event instanceof MouseEvent) document.dispatchEvent(new CustomEvent("chart-hover", { detail: { linked, x, by: root } }));
}

function followHover({ detail }) {
  if (detail.by === root || detail.linked !== (shown() || {}).linked || !plot.has("") || !plotNode.offsetParent) return;
  if (detail.x === null || detail.x === undefined) Plotly.Fx.unhover(plotNode);
  else Plotly.Fx.hover(plotNode, { xval: detail.x, yval: 0 });
}

// Others stay, faintly, so that the axes do not move.
function isolated(trace) {
  return alone === null || trace.meta === undefined || trace.meta === alone ? trace : { ...trace, opacity: 0.08, hoverinfo: "skip" };
}

function wanted() {
  const { data = [], layout: own = {}, revision } = shown() || {};
  if (!data.length) return null;
  const { line, surface, strong } = pageColours(root);
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, tickcolor: line, automargin: true };
  const layout = {
    margin: { l: 8, r: 12, t: 8, b: 8 }, hovermode: "x unified", uirevision: revision || "same",
    hoverlabel: { bgcolor: surface, bordercolor: line, font: { color: strong } },
    ...own,
  };
  for (const key of ["xaxis", "yaxis", ...Object.keys(own)])
    if (/^[xy]axis\d*$/.test(key)) layout[key] = { ...axis, ...own[key] };
  // Plotly writes into what it is given; a copy keeps the component's value, and its change test, clean.
  return { traces: structuredClone(data.map(isolated)), layout, config: { modeBarButtons: [["zoom2d", "pan2d", "resetScale2d",
    { name: "save", title: "Save as SVG", icon: Plotly.Icons.camera, click: save }]] } };
}

// As it looks here, but on the page's own background: a transparent image would be unreadable elsewhere.
function save() {
  const background = pageColours(root).surface;
  const filename = (title.textContent || "chart").toLowerCase().replace(/[^a-z0-9]+/g, "-");
  const layout = { ...plotNode.layout, paper_bgcolor: background, plot_bgcolor: background };
  const { width, height } = plotNode.layout;
  Plotly.downloadImage({ data: plotNode.data, layout }, { format: "svg", filename, width, height });
}

function show() {
  title.textContent = props.heading || "";
  note.textContent = props.note || "";
  const value = shown() || {};
  const nothing = !(value.data || []).length;
  empty.textContent = nothing ? value.empty || "" : "";
  root.classList.toggle("is-empty", nothing);
  plot.draw();
}

document.addEventListener("chart-hover", followHover);
document.addEventListener("isolate", (event) => { alone = event.detail; if ((shown() || {}).linked) plot.draw(); });
takeNews(root, show);
watch(["value", "heading", "note"], show);
show();
