// Points as numbers, and as plotly wants them.
const SCALE = [[0, "#3b2f7d"], [0.25, "#2c6fa8"], [0.5, "#2fa88f"], [0.75, "#a6cf4f"], [1, "#fbe24b"]];
const FAINT = 0.12; // opacity of what is not chosen

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

// Axes a share `t` of the way from one frame to another, slower at both ends.
function between(from, to, t) {
  const eased = t * t * (3 - 2 * t);
  return to.map((axis, d) => axis.map((v, i) => from[d][i] + eased * (v - from[d][i])));
}

// [[…], […]] as {x: […], y: […]}.
function asXyz(axes) {
  return Object.fromEntries(axes.map((axis, d) => ["xyz"[d], axis]));
}

// How large `count` points are drawn, in px, and how opaque, so that many of them still tell where they lie thickest.
function dotOf(count, dims) {
  const size = dims === 3 ? (count > 4000 ? 2.5 : 3.5) : count > 20000 ? 3 : count > 4000 ? 4 : 6;
  return { size, opacity: count > 20000 ? 0.6 : 0.8 };
}

// What plotly takes to turn numbers into colours: classes in steps, values along a scale with a bar beside the plot.
function scaleOf(paint) {
  if (paint.codes) {
    const n = Math.max(paint.names.length, 1);
    const steps = paint.names.flatMap((_, i) => [[i / n, paint.colours[i]], [(i + 1) / n, paint.colours[i]]]);
    return { colorscale: steps, cmin: -0.5, cmax: n - 0.5, showscale: false };
  }
  if (!paint.values) return { showscale: false };
  const bar = { thickness: 8, len: 0.5, outlinewidth: 0, title: { text: paint.title, side: "right" }, tickfont: { size: 11 } };
  const [cmin, cmax] = paint.range;
  return { colorscale: SCALE, cmin, cmax, showscale: true, colorbar: bar };
}

// Plotly's marker for `count` points: classes by `codes`, or a scale by `values`, or one colour.
function markerOf(paint, codes, { count, dims, accent, faint }) {
  const { size, opacity } = dotOf(count, dims);
  const numbers = paint.codes ? codes : paint.values ? decode(paint.values, Float32Array) : null;
  return { size, opacity: faint ? FAINT : opacity, line: { width: 0 }, color: numbers ? Array.from(numbers) : accent, ...scaleOf(paint) };
}

// The same colours as numbers 0xbbggrr, one for each point.
function inksOf(paint, codes, count, accent) {
  if (paint.codes) {
    const inks = paint.colours.map(inkOf);
    return Uint32Array.from(codes, (code) => inks[code]);
  }
  if (!paint.values) return new Uint32Array(count).fill(inkOf(accent));
  const [low, high] = paint.range;
  const steps = SCALE.map(([, colour]) => inkOf(colour));
  return Uint32Array.from(decode(paint.values, Float32Array), (value) => {
    const at = Math.min(Math.max((value - low) / (high - low), 0), 1) * (steps.length - 1);
    const below = Math.min(Math.floor(at), steps.length - 2);
    return mixed(steps[below], steps[below + 1], Math.round(256 * (at - below)));
  });
}

// A colour of CSS as 0xbbggrr, which is how a canvas holds it.
let brush = null;
function inkOf(colour) {
  brush ??= document.createElement("canvas").getContext("2d");
  brush.fillStyle = colour;
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(brush.fillStyle.slice(at, at + 2), 16));
  return (b << 16) | (g << 8) | r;
}

// And back.
const cssOf = (ink) => `rgb(${ink & 255} ${(ink >> 8) & 255} ${(ink >> 16) & 255})`;

// `share` of 256 parts of one colour, the rest of another; red and blue go through the sum together.
function mixed(below, above, share) {
  const rest = 256 - share;
  const redAndBlue = (((below & 0xff00ff) * rest + (above & 0xff00ff) * share) >>> 8) & 0xff00ff;
  const green = (((below & 0xff00) * rest + (above & 0xff00) * share) >>> 8) & 0xff00;
  return redAndBlue | green;
}
