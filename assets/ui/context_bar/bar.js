// include: components/shared/dom
// Which network, on which images. `props.value` is {runs, checkpoints, images, chosen, figure, level, verdict, next,
// trouble}, the lists as [value, title]. Triggers `select` with {run, checkpoint, images} when the person chooses; another run begins at its newest
// checkpoint, on the same images.
const root = element.querySelector(".bar");
root.className = "context-bar";
root.setAttribute("role", "group");
root.setAttribute("aria-label", "The network that is looked into");

function box(name, title) {
  const label = make("label", "bar-field", root);
  label.dataset.of = name;
  make("span", "bar-label", label, title);
  const select = make("select", "", label);
  select.id = `bar-${name}`;
  select.addEventListener("change", () => choose(name));
  return select;
}

const boxes = { run: box("run", "Run"), checkpoint: box("checkpoint", "Checkpoint"), images: box("images", "Images") };
const figure = make("span", "bar-figure", root);
const judged = make("p", "bar-verdict", root);
const trouble = make("p", "problem bar-trouble", root);
const MARKS = { good: "✓", warn: "!", bad: "✕", unknown: "?" };

function choose(name) {
  const chosen = { run: boxes.run.value, checkpoint: boxes.checkpoint.value, images: boxes.images.value };
  trigger("select", name === "run" ? { ...chosen, checkpoint: null } : chosen);
}

// The options anew, only where they are others: a list that is open stays open.
function fill(select, options, chosen) {
  const key = JSON.stringify(options);
  if (select.dataset.key !== key) {
    select.replaceChildren(...options.map(([value, title]) => new Option(title, value)));
    select.dataset.key = key;
  }
  select.value = chosen ?? "";
  select.disabled = options.length === 0;
}

function draw() {
  const value = props.value || {};
  const chosen = value.chosen || {};
  fill(boxes.run, value.runs || [], chosen.run);
  fill(boxes.checkpoint, value.checkpoints || [], chosen.checkpoint);
  fill(boxes.images, value.images || [], chosen.images);
  const good = value.level === "good"; // the figures say it then
  figure.textContent = value.figure ? `${good ? `${MARKS.good} ` : ""}${value.figure}` : "";
  figure.title = value.verdict || "";
  judged.dataset.level = value.level || "";
  judged.textContent = value.verdict ? `${MARKS[value.level]} ${value.verdict} ${value.next || ""}`.trim() : "";
  judged.hidden = !value.verdict || good;
  trouble.textContent = value.trouble || "";
  trouble.hidden = !value.trouble;
}

draw();
watch("value", draw);
