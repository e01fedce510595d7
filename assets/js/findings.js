// include: shared/dom
// Findings, each a picture beside its evidence. `props.value` is {rows: [{picture, title, note, evidence: [picture]}],
// note, empty} with pictures as {id, src, label}; a click on any picture triggers `click` with its id.
const root = element.querySelector(".findings");

function clickable(shown, parent) {
  const button = make("button", "finding-picture", parent);
  button.type = "button";
  button.title = shown.label ? `${shown.label}: ${shown.id}` : shown.id;
  makePicture(shown, "", button);
  button.addEventListener("click", () => trigger("click", { id: shown.id }));
}

function draw() {
  const { rows = [], note = "", empty = "" } = props.value || {};
  root.replaceChildren();
  make("p", "findings-note", root, rows.length ? note : empty);
  for (const row of rows) {
    const box = make("div", "finding", root);
    box.dataset.id = row.picture.id;
    clickable(row.picture, make("div", "finding-main", box));
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
