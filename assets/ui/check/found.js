// include: components/shared/dom
// Findings as a grid, a page at a time. `props.value` is {rows: [{image, title, note, evidence: [image]}], note, empty, doubt,
// start, listed, atOnce} with images as {id, src, label}. Below a `doubt` the grid is folded. A click on any image triggers
// `click` with its id; the buttons below trigger `select` with the `start` of another page.
const root = element.querySelector(".found");
const note = make("p", "found-note", root);
const fold = make("details", "found-fold", root);
const doubt = make("summary", "", fold);
const grid = make("div", "found-grid", fold);
const pager = make("nav", "found-pager", root);
pager.setAttribute("aria-label", "Pages of findings");
const earlier = turner("Previous", -1);
const place = make("span", "found-place", pager);
const later = turner("Next", 1);
let listed = 0, start = 0, atOnce = 20;

function turner(text, way) {
  const node = make("button", "found-turn", pager, text);
  node.type = "button";
  // Not `disabled` at an end, which would take the focus away.
  node.addEventListener("click", () => node.ariaDisabled !== "true" && trigger("select", { start: start + way * atOnce }));
  return node;
}

function figure(shown, parent) {
  const box = make("figure", "", parent);
  const button = make("button", "found-image", box);
  button.type = "button";
  button.title = `Look at ${shown.id}`;
  makeImage({ ...shown, label: `Look at ${shown.label ? `${shown.label}, ` : ""}${shown.id}` }, "", button);
  button.addEventListener("click", () => trigger("click", { id: shown.id }));
  const caption = make("figcaption", "", box);
  make("span", "found-name", caption, shown.id);
  if (shown.label) make("span", "found-label", caption, shown.label);
}

function finding(row) {
  const box = make("div", "found-card", grid);
  box.dataset.id = row.image.id;
  if (row.title) make("div", "found-title", box, row.title);
  const images = make("div", "found-images", box);
  for (const shown of [row.image, ...row.evidence]) figure(shown, images);
  images.classList.toggle("is-pair", row.evidence.length === 1);
  make("div", "found-reason", box, row.note);
}

function draw() {
  const { rows = [], empty = "", ...value } = props.value || {};
  ({ listed = 0, start = 0, atOnce = 20 } = value);
  note.textContent = rows.length ? value.note : empty;
  grid.replaceChildren();
  rows.forEach(finding);
  grid.scrollTop = 0;
  fold.hidden = rows.length === 0;
  doubt.textContent = value.doubt ? `${value.doubt} Show them all the same.` : "";
  doubt.hidden = !value.doubt;
  if (start === 0) fold.open = !value.doubt;
  pager.hidden = listed <= atOnce || !fold.open;
  place.textContent = `${start + 1}–${start + rows.length} of ${listed.toLocaleString("en")}`;
  earlier.ariaDisabled = String(start === 0);
  later.ariaDisabled = String(start + atOnce >= listed);
}

fold.addEventListener("toggle", () => { pager.hidden = listed <= atOnce || !fold.open; });
watch("value", draw);
draw();
