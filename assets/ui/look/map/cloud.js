// The points of a flat map, on a canvas beneath plotly's plot, whose axes, drags and lassos they follow. They are set pixel
// by pixel: fifty thousand take less than a frame on any machine, where WebGL without a GPU takes half a second.
// Where few are in view, as when one has zoomed in, each is drawn as its image in a frame of its colour.
// `wanted()` says what there is: {axes: [x, y], inks, dot: {size, opacity}, hidden: row => …, chosen: [rows], ground: () => colour,
// picture: row => an image or null}, or null.
const NEAR_PX = 8; // as far as a pointer may be off
const PICTURES_UP_TO = 150; // points in view that are drawn as images
const PICTURE_PX = [20, 48]; // the least and the largest side

function cloudIn(node, wanted) {
  const canvas = make("canvas", "map-cloud");
  node.before(canvas);
  const context = canvas.getContext("2d", { alpha: false });
  let expected = false;
  let reach = NEAR_PX;

  // From numbers to px within the plot, as plotly's axes are now.
  function frame() {
    const { _size: { l, t, w, h }, xaxis, yaxis } = node._fullLayout;
    const [[x0, x1], [y0, y1]] = [xaxis.range, yaxis.range];
    return { l, t, w, h, x: (v) => ((v - x0) / (x1 - x0)) * w, y: (v) => ((v - y1) / (y0 - y1)) * h };
  }

  function paint() {
    expected = false;
    const cloud = node._fullLayout && node._fullLayout.xaxis ? wanted() : null;
    canvas.hidden = !cloud;
    if (!cloud) return;
    const { l, t, w, h, x, y } = frame();
    const ratio = window.devicePixelRatio || 1;
    Object.assign(canvas.style, { left: `${l}px`, top: `${t}px`, width: `${w}px`, height: `${h}px` });
    const [width, height] = [w, h].map((side) => Math.max(1, Math.round(side * ratio)));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });

    const stamp = stampOf((cloud.dot.size * ratio) / 2);
    const [across, down] = [width + 2 * stamp.reach, height + 2 * stamp.reach]; // points at the edge are cut by the canvas
    const image = context.createImageData(across, down);
    const pixels = new Uint32Array(image.data.buffer);
    pixels.fill(0xff000000 | inkOf(cloud.ground()));
    const [xs, ys] = cloud.axes;
    const shares = (opacity) => stamp.cover.map((c) => Math.round(256 * c * opacity));
    const put = (row, share) => {
      const left = Math.round(x(xs[row]) * ratio);
      const top = Math.round(y(ys[row]) * ratio);
      if (!(left >= -stamp.reach && top >= -stamp.reach && left < width + stamp.reach && top < height + stamp.reach)) return;
      const ink = cloud.inks[row];
      for (let i = 0; i < share.length; i++) {
        const at = (top + stamp.dy[i]) * across + left + stamp.dx[i];
        if (share[i] === 256) pixels[at] = 0xff000000 | ink;
        else pixels[at] = 0xff000000 | mixed(pixels[at], ink, share[i]);
      }
    };
    const chosen = cloud.chosen.filter((row) => !cloud.hidden(row));
    const all = shares(chosen.length ? FAINT : cloud.dot.opacity);
    const seen = []; // rows in view, as long as they are few
    let count = 0;
    for (let row = 0; row < xs.length; row++) {
      if (cloud.hidden(row)) continue;
      put(row, all);
      count += 1;
      if (seen.length <= PICTURES_UP_TO && inView(x(xs[row]), y(ys[row]), w, h)) seen.push(row);
    }
    const strong = shares(0.95);
    for (const row of chosen) put(row, strong);
    context.putImageData(image, -stamp.reach, -stamp.reach);
    const few = seen.length <= PICTURES_UP_TO ? seen : [];
    const side = Math.min(PICTURE_PX[1], Math.max(PICTURE_PX[0], Math.sqrt((w * h) / (few.length + 1)) / 3));
    reach = few.length ? side / Math.SQRT2 : NEAR_PX; // to the corners of an image
    canvas.dataset.pictures = drawPictures(cloud, few, (row) => [x(xs[row]), y(ys[row])], side, ratio);
    canvas.dataset.points = count;
  }

  // Returns how many there were: those that are still on their way stay points.
  function drawPictures(cloud, rows, place, side, ratio) {
    const chosen = new Set(cloud.chosen);
    let drawn = 0;
    context.save();
    context.scale(ratio, ratio);
    for (const row of rows) {
      const picture = cloud.picture(row);
      if (!picture) continue;
      const [left, top] = place(row).map((middle) => middle - side / 2);
      context.globalAlpha = chosen.size && !chosen.has(row) ? FAINT * 2 : 1;
      context.imageSmoothingEnabled = picture.naturalWidth > side * ratio;
      context.fillStyle = cssOf(cloud.inks[row]);
      context.fillRect(left - 2, top - 2, side + 4, side + 4);
      context.drawImage(picture, left, top, side, side);
      drawn += 1;
    }
    context.restore();
    return drawn;
  }

  function draw() {
    if (!expected) requestAnimationFrame(paint);
    expected = true;
  }

  // The row of the point nearest to the pointer, or −1 where none is near.
  function at(event) {
    const cloud = wanted();
    if (!cloud) return -1;
    const box = node.getBoundingClientRect();
    const { l, t, x, y } = frame();
    const [left, top] = [event.clientX - box.left - l, event.clientY - box.top - t];
    const [xs, ys] = cloud.axes;
    let [nearest, least] = [-1, reach ** 2];
    for (let row = 0; row < xs.length; row++) {
      const far = (x(xs[row]) - left) ** 2 + (y(ys[row]) - top) ** 2;
      if (far < least && !cloud.hidden(row)) [nearest, least] = [row, far];
    }
    return nearest;
  }

  // The rows inside what plotly says was drawn: a lasso, or a box.
  function inside({ lassoPoints, range } = {}) {
    const cloud = wanted();
    const outline = lassoPoints ? [lassoPoints.x, lassoPoints.y] : range ? cornersOf(range) : null;
    if (!cloud || !outline) return [];
    const [xs, ys] = cloud.axes;
    const rows = [];
    for (let row = 0; row < xs.length; row++) if (!cloud.hidden(row) && within(xs[row], ys[row], outline)) rows.push(row);
    return rows;
  }

  node.on("plotly_relayouting", draw);
  node.on("plotly_afterplot", draw);
  return { draw, at, inside, image: () => canvas.toDataURL() };
}

// A disc as offsets of pixels with how much of each it covers; drawn at `reach` from the corner of its image.
function stampOf(radius) {
  const reach = Math.ceil(radius);
  const [dx, dy, cover] = [[], [], []];
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      const share = Math.min(1, radius + 0.5 - Math.hypot(x, y));
      if (share <= 0) continue;
      dx.push(x + reach);
      dy.push(y + reach);
      cover.push(share);
    }
  }
  return { reach, dx, dy, cover };
}

const inView = (left, top, width, height) => left >= 0 && top >= 0 && left < width && top < height;

const cornersOf = ({ x: [a, b], y: [c, d] }) => [[a, b, b, a], [c, c, d, d]];

// Whether a place lies within an outline: a ray from it crosses the outline an odd number of times.
function within(x, y, [xs, ys]) {
  let odd = false;
  for (let i = 0, j = xs.length - 1; i < xs.length; j = i++) {
    if (ys[i] > y !== ys[j] > y && x < ((xs[j] - xs[i]) * (y - ys[i])) / (ys[j] - ys[i]) + xs[i]) odd = !odd;
  }
  return odd;
}
