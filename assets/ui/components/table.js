// include: components/shared/order components/shared/updates
// A table. `props.value` is {columns: [{key, title, number}], rows: [{id, cells: {key: text}, sort: {key: value}, shown,
// muted, title}], choose, empty}. Headings sort, the field above filters by any text; with `choose` each row has a
// tick box, which triggers `input` with the id and whether it is ticked; a click on a row triggers `select`.
const root = element.querySelector(".table");
const search = root.appendChild(document.createElement("input"));
search.type = "search";
search.placeholder = "Filter";
search.setAttribute("aria-label", "Filter the rows");
const frame = root.appendChild(document.createElement("div"));
frame.className = "table-frame";
const table = frame.appendChild(document.createElement("table"));
const head = table.appendChild(document.createElement("thead"));
const body = table.appendChild(document.createElement("tbody"));
const empty = root.appendChild(document.createElement("p"));
empty.className = "table-empty";
let order = { key: null, down: false };

function heading(column) {
  const cell = document.createElement("th");
  cell.className = column.number ? "is-number" : "";
  const button = cell.appendChild(document.createElement("button"));
  button.type = "button";
  button.textContent = column.title;
  if (order.key === column.key) {
    cell.setAttribute("aria-sort", order.down ? "descending" : "ascending");
    button.textContent += order.down ? " ↓" : " ↑";
  }
  button.addEventListener("click", () => {
    order = { key: column.key, down: order.key === column.key ? !order.down : Boolean(column.number) };
    draw();
  });
  return cell;
}

function line(row, columns, choose) {
  const node = document.createElement("tr");
  node.dataset.id = row.id;
  node.classList.toggle("is-muted", Boolean(row.muted));
  node.title = row.title || "";
  if (choose) {
    const box = node.insertCell().appendChild(document.createElement("input"));
    box.type = "checkbox";
    box.checked = Boolean(row.shown);
    box.style.setProperty("--run-colour", row.colour || "var(--color-accent)");
    box.className = "run-box";
    box.setAttribute("aria-label", `Compare ${row.id}`);
    box.addEventListener("change", () => trigger("input", { id: row.id, shown: box.checked }));
  }
  for (const column of columns) {
    const cell = node.insertCell();
    cell.className = column.number ? "is-number" : "";
    cell.textContent = row.cells[column.key] ?? "";
  }
  node.addEventListener("click", (event) => event.target.type !== "checkbox" && trigger("select", { id: row.id }));
  return node;
}

function draw() {
  const { columns = [], rows = [], choose = false, empty: text = "" } = shown() || {};
  const wanted = search.value.trim().toLowerCase();
  let kept = rows.filter((row) => Object.values(row.cells).join(" ").toLowerCase().includes(wanted));
  if (order.key) kept = [...kept].sort((a, b) => inOrder(a, b, order));
  const top = document.createElement("tr");
  if (choose) top.appendChild(document.createElement("th"));
  top.append(...columns.map(heading));
  head.replaceChildren(top);
  body.replaceChildren(...kept.map((row) => line(row, columns, choose)));
  search.hidden = rows.length < 4;
  table.hidden = rows.length === 0;
  empty.textContent = rows.length ? (kept.length ? "" : "No row contains that.") : text;
}

search.addEventListener("input", draw);
takeNews(root, draw);
watch("value", draw);
draw();
