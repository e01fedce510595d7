// Points as numbers, and as plotly wants them.
const SCALE = [[0, "#3b2f7d"], [0.25, "#2c6fa8"], [0.5, "#2fa88f"], [0.75, "#a6cf4f"], [1, "#fbe24b"]];

// Numbers of one kind (Float32Array, Int16Array) out of base64.
function decode(text, kind) {
  return new kind(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
}

// Lowest and highest of any number of axes, with a little room around them.
function roomFor(axes) {
  let [low, high] = [Infinity, -Infinity];
  for (const axis of axes) {
    for (const v of axis) {
      if (v < low) low = v;
      if (v > high) high = v;
    }
  }
  const margin = 0.05 * (high - low || 1);
  return [low - margin, high + margin];
}

// [[…], […]] as {x: […], y: […]}.
function asXyz(axes) {
  return Object.fromEntries(axes.map((axis, d) => ["xyz"[d], axis]));
}

// Plotly's marker for `count` points: classes by `codes`, or a scale by `values`, or one colour.
function markerOf(paint, codes, { count, dims, accent, faint }) {
  const size = dims === 3 ? (count > 4000 ? 2.5 : 3.5) : count > 20000 ? 3 : count > 4000 ? 4 : 6;
  const base = { size, opacity: faint ? 0.12 : count > 20000 ? 0.6 : 0.8, line: { width: 0 }, showscale: false };
  if (paint.codes) {
    const n = Math.max(paint.names.length, 1);
    const steps = paint.names.flatMap((_, i) => [[i / n, paint.colours[i]], [(i + 1) / n, paint.colours[i]]]);
    return { ...base, color: Array.from(codes), colorscale: steps, cmin: -0.5, cmax: n - 0.5 };
  }
  if (paint.values) {
    const bar = { thickness: 8, len: 0.5, outlinewidth: 0, title: { text: paint.title, side: "right" }, tickfont: { size: 11 } };
    const [cmin, cmax] = paint.range;
    return { ...base, color: Array.from(decode(paint.values, Float32Array)), colorscale: SCALE, cmin, cmax, showscale: true, colorbar: bar };
  }
  return { ...base, color: accent };
}
