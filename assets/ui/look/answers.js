// include: components/shared/dom
// The neighbours that several networks give one query, beside each other. `props.value` is {columns: [{title, summary,
// rows: [{id, src, label, change, text}]}]}; a click on a row triggers `click` with its id.
const root = element.querySelector(".answers");

function draw() {
  root.replaceChildren();
  for (const column of (props.value || {}).columns || []) {
    const box = make("div", "answers-column", root);
    make("div", "answers-title", box, column.title);
    make("div", "answers-summary", box, column.summary);
    for (const row of column.rows) {
      const line = make("button", "answers-row", box);
      line.type = "button";
      line.dataset.id = row.id;
      line.dataset.change = row.change;
      line.title = row.id;
      makeImage(row, "", line);
      make("span", "", line, row.label || row.id);
      make("span", "answers-change", line, row.text);
      line.addEventListener("click", () => trigger("click", { id: row.id }));
    }
  }
}
watch("value", draw);
draw();
