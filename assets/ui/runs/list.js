// include: components/shared/dom components/shared/updates runs/keeping
// The list of runs. `props.value` is {rows: [{id, name, state, active, progress, detail, colour, cells, group}], first,
// matching, total, page, note, problem, empty, columns, groups}; `server.matching(filter…)` gives the ids of all that match.
// A click on a row looks at the run, its tick box draws it on the charts too (the event `choose`). What is typed and
// chosen above goes to the server by the event `aim`. Rows are updated in place, so that focus survives a tick of the clock.
const root = element.querySelector(".list");
const COLUMNS = "runs-columns", TABLE = "runs-table";
let chosen = chosenNow();
const asked = { filter: inAddress("filter"), sort: inAddress("sort"), down: inAddress("down") === "1", group: inAddress("group"),
  first: 0, columns: kept(COLUMNS, []) };
let table = kept(TABLE, false);

const bar = make("div", "list-bar", root);
const search = make("input", "list-search", bar);
search.type = "search";
search.placeholder = "Search, or knn>40 state:finished";
search.setAttribute("aria-label", "Find runs: words, or conditions such as knn>40 state:finished lr<=0.1");
search.value = asked.filter;
const order = choice("Order", "Order of the runs");
const grouping = choice("Group", "Groups of runs");
const shape = press(bar, "list-button", "Table", () => { table = !table; keep(TABLE, table); draw(); });
const columnsBox = make("details", "list-columns", bar);
make("summary", "list-button", columnsBox, "Columns");
const columnsList = make("div", "list-columns-list", columnsBox);
const problem = make("p", "problem", root);
problem.setAttribute("role", "alert");
const counts = make("div", "list-counts", root);
const all = make("input", "run-box", make("label", "list-all", counts));
all.type = "checkbox";
const allText = make("span", "", all.parentNode);
const frame = make("div", "list-frame", root);
const head = make("div", "list-head", frame);
const list = make("div", "runs-list", frame);
const note = make("p", "runs-note", root);
const pages = make("nav", "list-pages", root);
pages.setAttribute("aria-label", "Pages of the list");
const back = press(pages, "list-button", "‹ Newer", () => turn(-1));
const place = make("span", "runs-note", pages);
const on = press(pages, "list-button", "Older ›", () => turn(1));
const rows = new Map();

function press(parent, className, text, act) {
  const node = make("button", className, parent, text);
  node.type = "button";
  node.addEventListener("click", act);
  return node;
}

function choice(text, label) {
  const node = make("select", "list-choice", bar);
  node.setAttribute("aria-label", label);
  node.title = label;
  node.dataset.text = text;
  return node;
}

function ask(changes, inPlace = false) {
  Object.assign(asked, { first: 0 }, changes);
  tell();
  if (!inPlace) trigger("input", { filter: asked.filter, sort: asked.sort, down: asked.down, group: asked.group });
}

function turn(by) {
  const { first = 0, page = 50 } = shown() || {};
  ask({ first: Math.max(0, first + by * page) }, true);
  list.scrollTop = 0;
}

function options(node, wanted, value) {
  const text = JSON.stringify(wanted);
  if (node.dataset.options !== text) {
    node.replaceChildren(...wanted.map(([key, title]) => new Option(title, key)));
    node.dataset.options = text;
  }
  node.value = value;
}

function newRow(id) {
  const row = make("div", "run");
  row.dataset.id = id;
  const box = make("input", "run-box", row);
  box.type = "checkbox";
  box.addEventListener("change", () => choose({ tick: [id], on: box.checked }));
  const body = make("button", "run-body", row);
  body.type = "button";
  body.addEventListener("click", () => choose({ look: id }));
  const top = make("span", "run-head", body);
  const parts = { row, box, body, name: make("span", "run-name", top), state: make("span", "run-state", top) };
  parts.track = make("span", "run-track", body);
  parts.fill = make("span", "run-fill", parts.track);
  parts.detail = make("span", "run-detail", body);
  parts.cells = make("span", "run-cells", body);
  return parts;
}

function choose(detail) {
  document.dispatchEvent(new CustomEvent("choose", { detail }));
}

function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function drawRow(entry, columns) {
  const { row, box, body, name, state, track, fill, detail, cells } = rows.get(entry.id);
  const current = chosen[0] === entry.id;
  row.classList.toggle("is-current", current);
  row.dataset.state = entry.state;
  row.style.setProperty("--run-colour", entry.colour);
  box.checked = chosen.includes(entry.id);
  box.disabled = current;
  box.title = current ? "On the charts: the run you are looking at" : "Draw this run on the charts too";
  box.setAttribute("aria-label", `Draw ${entry.name} on the charts`);
  body.title = entry.id;
  body.setAttribute("aria-current", current ? "true" : "false");
  set(name, entry.name);
  set(state, entry.state);
  track.hidden = !entry.active;
  fill.style.width = `${(entry.progress * 100).toFixed(2)}%`;
  set(detail, entry.detail);
  detail.hidden = table;
  cells.hidden = !table;
  if (!table) return;
  const texts = columns.map((column) => [column, entry.cells[column.key] ?? ""]);
  if (cells.dataset.texts === JSON.stringify(texts)) return;
  cells.dataset.texts = JSON.stringify(texts);
  cells.replaceChildren(...texts.map(([column, text]) => {
    const cell = make("span", column.number ? "run-cell is-number" : "run-cell", null, text);
    cell.title = `${column.title}: ${text || "none"}`;
    return cell;
  }));
}

function drawRows(wanted, columns) {
  for (const id of [...rows.keys()]) {
    if (!wanted.some((entry) => entry.id === id)) {
      rows.get(id).row.remove();
      rows.delete(id);
    }
  }
  const nodes = [];
  wanted.forEach((entry, index) => {
    if (asked.group && (index === 0 || wanted[index - 1].group !== entry.group)) nodes.push(groupHead(entry.group, wanted));
    if (!rows.has(entry.id)) rows.set(entry.id, newRow(entry.id));
    drawRow(entry, columns);
    nodes.push(rows.get(entry.id).row);
  });
  for (const node of [...list.children]) if (!nodes.includes(node)) node.remove();
  nodes.forEach((node, index) => {
    if (list.children[index] !== node) list.insertBefore(node, list.children[index] || null);
  });
}

const groups = new Map();

function groupHead(name, wanted) {
  const ids = wanted.filter((entry) => entry.group === name).map((entry) => entry.id);
  if (!groups.has(name)) {
    const node = make("div", "list-group");
    make("span", "", node, name || "none");
    const tick = press(node, "list-button", "", () => choose({ tick: tick.ids, on: true }));
    groups.set(name, { node, tick });
  }
  const { node, tick } = groups.get(name);
  tick.ids = ids;
  set(tick, `Tick ${ids.length}`);
  return node;
}

function drawHead(columns) {
  const text = JSON.stringify([columns, asked.sort, asked.down]);
  head.hidden = !table;
  if (head.dataset.text === text) return;
  head.dataset.text = text;
  const buttons = [{ key: "name", title: "Run" }, ...columns].map((column) => {
    const sorted = asked.sort === column.key;
    const button = press(null, column.number ? "list-heading is-number" : "list-heading",
      column.title + (sorted ? (asked.down ? " ↓" : " ↑") : ""), () => sortBy(column.key, Boolean(column.number)));
    button.dataset.key = column.key;
    button.title = `Sort by ${column.title}`;
    return button;
  });
  const focused = head.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  head.replaceChildren(...buttons);
  if (focused) buttons.find((button) => button.dataset.key === focused)?.focus();
}

function sortBy(key, downFirst) {
  ask({ sort: key, down: asked.sort === key ? !asked.down : downFirst });
}

function drawColumns(columns) {
  columnsBox.hidden = !table;
  if (columnsList.dataset.keys === JSON.stringify(columns)) return;
  columnsList.dataset.keys = JSON.stringify(columns);
  const focused = columnsList.contains(document.activeElement) ? document.activeElement.value : null;
  columnsList.replaceChildren(...columns.map((column) => {
    const label = make("label");
    const box = make("input", "", label);
    box.type = "checkbox";
    box.value = column.key;
    box.checked = column.shown;
    box.addEventListener("change", () => {
      const wanted = [...columnsList.querySelectorAll("input:checked")].map((one) => one.value);
      keep(COLUMNS, wanted);
      ask({ columns: wanted, first: asked.first }, true);
    });
    label.append(column.title);
    return label;
  }));
  if (focused) columnsList.querySelector(`input[value="${focused}"]`)?.focus();
}

function drawCounts({ matching = 0, total = 0, first = 0, page = 50, rows: shownRows = [] }) {
  const count = shownRows.filter((entry) => chosen.includes(entry.id)).length;
  counts.hidden = total === 0;
  const runs = total === 1 ? "run" : "runs";
  set(allText, `${matching === total ? "" : `${matching.toLocaleString()} of `}${total.toLocaleString()} ${runs}`);
  all.checked = count > 0 && count === shownRows.length && chosen.length >= matching;
  all.indeterminate = count > 0 && !all.checked;
  all.title = "Tick all that match, or none";
  pages.hidden = matching <= page;
  back.disabled = first === 0;
  on.disabled = first + page >= matching;
  set(place, `${(first + 1).toLocaleString()}–${Math.min(first + page, matching).toLocaleString()}`);
}

function draw() {
  const value = shown() || {};
  const wanted = value.rows || [], columns = (value.columns || []).filter((column) => column.shown);
  document.querySelector(".runs-page")?.classList.toggle("is-table", table);
  document.querySelector(".runs-page")?.classList.toggle("is-empty", value.total === 0);
  root.classList.toggle("is-table", table);
  root.style.setProperty("--columns", columns.length);
  set(shape, table ? "List" : "Table");
  set(problem, value.problem || "");
  problem.hidden = !value.problem;
  bar.hidden = value.total === 0;
  set(note, wanted.length ? value.note || "" : value.empty || "No run matches that.");
  const sorts = [["", "Newest first"], ["name", "Name"], ...(value.columns || []).map((column) => [column.key, column.title])];
  options(order, sorts, asked.sort);
  options(grouping, (value.groups || []).map(([key, title]) => [key, key ? `By ${title.toLowerCase()}` : "No groups"]), asked.group);
  drawHead(columns);
  drawColumns(value.columns || []);
  drawRows(wanted, columns);
  drawCounts(value);
}

all.addEventListener("change", async () => {
  if (!all.checked) return choose({ tick: chosen.slice(1), on: false });
  choose({ tick: await server.matching({ list: asked }), on: true });
});
search.addEventListener("input", () => ask({ filter: search.value }, true));
search.addEventListener("change", () => ask({ filter: search.value }));
order.addEventListener("change", () => {
  const column = (shown()?.columns || []).find((one) => one.key === order.value);
  ask({ sort: order.value, down: Boolean(column?.number) });
});
grouping.addEventListener("change", () => ask({ group: grouping.value }));
document.addEventListener("chosen", (event) => { chosen = event.detail; draw(); });
window.addEventListener("popstate", () => {
  search.value = inAddress("filter");
  ask({ filter: search.value, sort: inAddress("sort"), down: inAddress("down") === "1", group: inAddress("group") }, true);
});

takeNews(root, draw);
watch("value", draw);
const tell = tellAim(() => ({ list: { ...asked } }));
draw();
