// The bridge to plotly. `props.value` is {data, layout, revision, empty}; the plot's node is made once
// and only ever updated with Plotly.react, so zoom, hidden traces and a selection survive.
const root = element.querySelector(".chart");
const heading = root.appendChild(document.createElement("div"));
heading.className = "chart-heading";
const title = heading.appendChild(document.createElement("h3"));
const note = heading.appendChild(document.createElement("span"));
const empty = root.appendChild(document.createElement("div"));
empty.className = "chart-empty";
const plot = root.appendChild(document.createElement("div"));
plot.className = "chart-plot";

let drawn = false;

const config = () => ({
  displaylogo: false, responsive: false, doubleClick: "reset",
  modeBarButtons: [["zoom2d", "pan2d", "resetScale2d",
    { name: "save", title: "Save as SVG", icon: Plotly.Icons.camera, click: save }]],
});

// As it looks here, but on the page's own background: a transparent picture would be unreadable elsewhere.
function save() {
  const background = getComputedStyle(root).getPropertyValue("--background-fill-primary").trim();
  const filename = (title.textContent || "chart").toLowerCase().replace(/[^a-z0-9]+/g, "-");
  const layout = { ...plot.layout, paper_bgcolor: background, plot_bgcolor: background };
  const { width, height } = plot.layout;
  Plotly.downloadImage({ data: plot.data, layout }, { format: "svg", filename, width, height });
}

function pageLayout() {
  const css = getComputedStyle(root);
  const colour = (name) => css.getPropertyValue(name).trim();
  const axis = {
    gridcolor: colour("--border-color-primary"), zerolinecolor: colour("--border-color-primary"),
    linecolor: colour("--border-color-primary"), tickcolor: colour("--border-color-primary"), automargin: true,
  };
  return {
    axis,
    layout: {
      autosize: false, margin: { l: 8, r: 12, t: 8, b: 8 }, hovermode: "x unified", showlegend: false,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: css.fontFamily, size: 12, color: colour("--body-text-color-subdued") },
      hoverlabel: { bgcolor: colour("--background-fill-primary"), bordercolor: colour("--border-color-primary"),
                    font: { color: colour("--body-text-color") } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("--body-text-color-subdued"),
                 activecolor: colour("--color-accent"), orientation: "v" },
    },
  };
}

let waiting = false;
let busy = Promise.resolve();

// At most one drawing a frame, and never two at once: plotly finishes later than it returns.
function draw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    busy = busy.then(render).then(() => drawn && !fits() && draw());
  });
}

const fits = () =>
  !plot.clientWidth ||
  (plot._fullLayout.width === plot.clientWidth && plot._fullLayout.height === plot.clientHeight);

async function render() {
  title.textContent = props.heading || "";
  note.textContent = props.note || "";
  const value = props.value || {};
  const traces = value.data || [];
  empty.textContent = traces.length ? "" : value.empty || "";
  root.classList.toggle("is-empty", traces.length === 0);
  // A chart in a hidden tab has no size: plotly would draw it 700 px wide. The observer calls again.
  if (!traces.length || !plot.clientWidth) return;
  const { axis, layout } = pageLayout();
  const own = value.layout || {};
  const full = { ...layout, ...own,
                 width: plot.clientWidth, height: plot.clientHeight, uirevision: value.revision || "same" };
  for (const key of ["xaxis", "yaxis", ...Object.keys(own)])
    if (/^[xy]axis\d*$/.test(key)) full[key] = { ...axis, ...own[key] };
  // Plotly writes into what it is given; a copy keeps the component's value, and its change test, clean.
  await Plotly.react(plot, structuredClone(traces), full, config());
  if (!drawn) {
    drawn = true;
    plot.on("plotly_click", (event) => trigger("click", { ids: ids(event.points) }));
    plot.on("plotly_selected", (event) => event && trigger("select", { ids: ids(event.points) }));
  }
}

const ids = (points) => (points || []).map((point) => point.customdata).filter((id) => id !== undefined);

watch(["value", "heading", "note"], draw);
new ResizeObserver(() => (!drawn || !fits()) && draw()).observe(plot);
new MutationObserver(draw).observe(document.body, { attributeFilter: ["class"] });
draw();
