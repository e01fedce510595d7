// include: components/shared/dom
// Findings, each an image beside its evidence. `props.value` is {rows: [{image, title, note, evidence: [image]}],
// note, empty} with images as {id, src, label}; a click on any image triggers `click` with its id.
const root = element.querySelector(".findings");

function clickable(shown, parent) {
  const button = make("button", "finding-image", parent);
  button.type = "button";
  button.title = shown.label ? `${shown.label}: ${shown.id}` : shown.id;
  makeImage(shown, "", button);
  button.addEventListener("click", () => trigger("click", { id: shown.id }));
}

function draw() {
  const { rows = [], note = "", empty = "" } = props.value || {};
  root.replaceChildren();
  make("p", "findings-note", root, rows.length ? note : empty);
  for (const row of rows) {
    const box = make("div", "finding", root);
    box.dataset.id = row.image.id;
    clickable(row.image, make("div", "finding-main", box));
    const facts = make("div", "finding-facts", box);
    make("div", "finding-title", facts, row.title);
    make("div", "finding-note", facts, row.note);
    const evidence = make("div", "finding-evidence", facts);
    for (const other of row.evidence) {
      const figure = make("figure", "", evidence);
      clickable(other, figure);
      make("figcaption", "", figure, other.label || other.id).title = other.id;
    }
  }
}
watch("value", draw);
draw();
