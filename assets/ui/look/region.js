// include: components/shared/square
// An image of which a square part can be marked by dragging. `props.value` is {src, note}; triggers `select` with
// `region`: [left, top, side] as shares of the image, or null for the whole of it (a click); and `click` when the
// original is to be shown.
const root = element.querySelector(".region");
const image = root.appendChild(document.createElement("img"));
image.alt = "The query as the network sees it";
image.draggable = false;
const frame = root.appendChild(document.createElement("div"));
frame.className = "region-frame";
const note = root.appendChild(document.createElement("div"));
note.className = "region-note";
const original = root.appendChild(document.createElement("button"));
original.type = "button";
original.className = "link-button";
original.textContent = "Original size";
original.addEventListener("click", () => trigger("click", {}));
let start = null;

function at(event) {
  const box = image.getBoundingClientRect();
  const share = (v, low, size) => Math.min(1, Math.max(0, (v - low) / size));
  return [share(event.clientX, box.left, box.width), share(event.clientY, box.top, box.height)];
}

function draw(region) {
  frame.style.display = region ? "block" : "none";
  if (!region) return;
  const size = image.clientWidth;
  Object.assign(frame.style, { left: `${region[0] * size}px`, top: `${region[1] * size}px`, width: `${region[2] * size}px`, height: `${region[2] * size}px` });
}

image.addEventListener("pointerdown", (event) => {
  event.preventDefault();
  image.setPointerCapture(event.pointerId);
  start = at(event);
});
image.addEventListener("pointermove", (event) => start && draw(squareBetween(start, at(event))));
image.addEventListener("pointerup", (event) => {
  if (!start) return;
  const region = squareBetween(start, at(event));
  start = null;
  const chosen = region[2] >= 0.1 ? region : null;
  draw(chosen);
  trigger("select", { region: chosen });
});

function show() {
  const value = props.value || {};
  root.classList.toggle("is-empty", !value.src);
  if (image.src !== (value.src || "")) {
    if (value.src) image.src = value.src;
    else image.removeAttribute("src");
  }
  note.textContent = value.note || "";
  draw(value.region);
}
watch("value", show);
show();
