// include: shared/dom shared/news
// The list of runs. `props.value` is {rows: [...], note, empty}. A click on a row triggers `select` with its id,
// its tick box `input` with the id and whether it is on the charts. Rows are updated in place, never
// replaced, so that focus and hover survive the tick of the clock.
const root = element.querySelector(".runs");
const list = root.appendChild(document.createElement("div"));
list.className = "runs-list";
const note = root.appendChild(document.createElement("p"));
note.className = "runs-note";
const rows = new Map();

function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function newRow(id) {
  const row = document.createElement("div");
  row.className = "run";
  row.dataset.id = id;
  const box = make("input", "run-box", row);
  box.type = "checkbox";
  box.addEventListener("change", () => trigger("input", { id, shown: box.checked }));
  const body = make("button", "run-body", row);
  body.type = "button";
  body.addEventListener("click", () => trigger("select", { id }));
  const head = make("span", "run-head", body);
  const parts = { row, box, body, name: make("span", "run-name", head), state: make("span", "run-state", head) };
  parts.track = make("span", "run-track", body);
  parts.fill = make("span", "run-fill", parts.track);
  parts.detail = make("span", "run-detail", body);
  return parts;
}

function draw() {
  const value = shown() || {};
  const wanted = value.rows || [];
  set(note, wanted.length ? value.note || "" : value.empty || "");
  root.classList.toggle("is-empty", wanted.length === 0);
  for (const id of [...rows.keys()]) {
    if (!wanted.some((entry) => entry.id === id)) {
      rows.get(id).row.remove();
      rows.delete(id);
    }
  }
  wanted.forEach((entry, index) => {
    if (!rows.has(entry.id)) rows.set(entry.id, newRow(entry.id));
    const { row, box, body, name, state, track, fill, detail } = rows.get(entry.id);
    if (list.children[index] !== row) list.insertBefore(row, list.children[index] || null);
    row.classList.toggle("is-current", entry.current);
    row.dataset.state = entry.state;
    row.style.setProperty("--run-colour", entry.colour || "transparent");
    box.checked = Boolean(entry.shown);
    box.disabled = Boolean(entry.current);
    box.title = entry.current ? "On the charts: the run you are looking at" : "Draw this run on the charts too";
    box.setAttribute("aria-label", `Draw ${entry.name} on the charts`);
    body.title = entry.id;
    body.setAttribute("aria-current", entry.current ? "true" : "false");
    set(name, entry.name);
    set(state, entry.state);
    track.hidden = !entry.active;
    fill.style.width = `${(entry.progress * 100).toFixed(2)}%`;
    set(detail, entry.detail);
  });
}

takeNews(root, draw);
watch("value", draw);
draw();
