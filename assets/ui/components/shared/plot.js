// The one bridge to plotly, under every chart and every map. A plot's node is made once and only ever updated, so zoom,
// hidden traces and a selection survive.

// The page's colours, light or dark, as they are at `node`.
function pageColours(node) {
  const css = getComputedStyle(node);
  const colour = (name) => css.getPropertyValue(name).trim();
  return {
    text: colour("--body-text-color-subdued"), strong: colour("--body-text-color"), line: colour("--border-color-primary"),
    surface: colour("--background-fill-primary"), accent: colour("--color-accent"), font: css.fontFamily,
  };
}

// `wanted()` says what to draw, {traces, layout, config, key}, or null for nothing (yet); `listen(node)` is called once,
// after the first drawing. Returns `draw`; `change(work)` for a smaller update by plotly's own means; and `has(key)`, whether
// that is what the screen shows.
function plotlyIn(node, wanted, listen) {
  let drawn = false;
  let busy = Promise.resolve();
  const waiting = new Set();

  // One change at a time, each kind at most once in the queue: plotly finishes later than it returns.
  function change(work) {
    if (!waiting.has(work)) {
      waiting.add(work);
      busy = busy.then(() => waiting.delete(work) && work()).catch((error) => console.error(error));
    }
    return busy;
  }

  const fits = () =>
    !node.clientWidth || (node._fullLayout.width === node.clientWidth && node._fullLayout.height === node.clientHeight);

  async function react() {
    await new Promise(requestAnimationFrame);
    // A plot in a hidden tab has no size: plotly would draw it 700 px wide. The observer calls again.
    const given = wanted();
    if (!given || !node.clientWidth) return;
    const { text, accent, font } = pageColours(node);
    const layout = {
      autosize: false, showlegend: false, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: font, size: 12, color: text },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: text, activecolor: accent, orientation: "v" },
      ...given.layout, width: node.clientWidth, height: node.clientHeight,
    };
    const config = { displaylogo: false, responsive: false, doubleClick: "reset", ...given.config };
    await Plotly.react(node, given.traces, layout, config);
    if (!drawn) listen(node);
    drawn = true;
    node.dataset.key = given.key ?? "";
    node.dataset.ready = "yes";
    if (!fits()) draw();
  }

  const draw = () => change(react);
  new ResizeObserver(() => (!drawn || !fits()) && draw()).observe(node);
  new MutationObserver(draw).observe(document.body, { attributeFilter: ["class"] }); // light, dark
  return { draw, change, has: (key) => drawn && node.dataset.key === key };
}
