// include: components/shared/dom components/shared/updates
// The queue. `props.value` is {rows: [{id, name, state, reason, group, movable}], empty}. Dragging a row or its
// buttons trigger `input` with {id, to}, its cross `click` with the id; a click on it looks at the run (the event `choose`).
const root = element.querySelector(".queue");
const list = root.appendChild(document.createElement("ol"));
list.className = "queue-list";
const note = root.appendChild(document.createElement("p"));
note.className = "runs-note";
let dragged = null;

function button(parent, sign, label, act) {
  const node = make("button", "queue-button", parent, sign);
  node.type = "button";
  node.title = label;
  node.setAttribute("aria-label", label);
  node.addEventListener("click", act);
  return node;
}

function row(entry, index) {
  const node = document.createElement("li");
  node.className = "queue-row";
  node.dataset.id = entry.id;
  node.dataset.state = entry.state;
  const body = make("button", "queue-body", node);
  body.type = "button";
  body.title = entry.id;
  body.addEventListener("click", () => document.dispatchEvent(new CustomEvent("choose", { detail: { look: entry.id } })));
  make("span", "run-name", body, entry.name);
  make("span", "run-detail", body, entry.reason);
  if (entry.group) make("span", "run-detail", body, `Group: ${entry.group}`);
  if (!entry.movable) return node;
  const buttons = make("span", "queue-buttons", node);
  button(buttons, "↑", `Move ${entry.name} up`, () => trigger("input", { id: entry.id, to: "up" }));
  button(buttons, "↓", `Move ${entry.name} down`, () => trigger("input", { id: entry.id, to: "down" }));
  if (entry.state !== "running") {
    button(buttons, "×", `Take ${entry.name} out of the queue`, () => trigger("click", { id: entry.id }));
  }
  node.draggable = true;
  node.addEventListener("dragstart", () => { dragged = entry.id; node.classList.add("is-dragged"); });
  node.addEventListener("dragend", () => { dragged = null; node.classList.remove("is-dragged"); });
  node.addEventListener("dragover", (event) => event.preventDefault());
  node.addEventListener("drop", (event) => {
    event.preventDefault();
    if (dragged && dragged !== entry.id) trigger("input", { id: dragged, to: index });
  });
  return node;
}

function draw() {
  if (dragged) return; // a tick must not pull the row from under the hand
  const { rows = [], empty = "" } = shown() || {};
  note.textContent = rows.length ? "" : empty;
  const focused = document.activeElement && list.contains(document.activeElement) ? document.activeElement.title : null;
  list.replaceChildren(...rows.map(row));
  if (focused) [...list.querySelectorAll("button")].find((node) => node.title === focused)?.focus();
}

takeNews(root, draw);
watch("value", draw);
draw();
