// include: components/shared/dom components/shared/updates runs/keeping
// Name, tags and notes of the run that is looked at. `props.value` is {id, name, tags, text}. What is typed stays in this
// browser, run by run, until it is kept or dropped: looking at another run loses nothing. Keeping triggers `input` with all
// four.
const root = element.querySelector(".about");
const DRAFTS = "runs-drafts";
const NAMES = { name: "Name", tags: "Tags, separated by commas", text: "Notes" };
const boxes = {};
let run = null;

for (const [key, title] of Object.entries(NAMES)) {
  const label = make("label", "about-field", root);
  make("span", "", label, title);
  const box = make(key === "text" ? "textarea" : "input", "", label);
  if (key === "text") box.rows = 3;
  label.id = key === "text" ? "runs-notes" : `runs-${key}`;
  box.addEventListener("input", remember);
  boxes[key] = box;
}
const foot = make("div", "about-foot", root);
const keepButton = make("button", "about-button", foot, "Keep");
Object.assign(keepButton, { type: "button", id: "runs-keep" });
const drop = make("button", "about-button", foot, "Drop changes");
drop.type = "button";
const mark = make("span", "runs-note", foot);
mark.setAttribute("role", "status");

const drafts = () => kept(DRAFTS, {});

function remember() {
  const now = { ...drafts() }, typed = Object.fromEntries(Object.keys(NAMES).map((key) => [key, boxes[key].value]));
  if (Object.keys(NAMES).every((key) => typed[key] === run[key])) delete now[run.id];
  else now[run.id] = typed;
  keep(DRAFTS, now);
  say();
}

function say() {
  const changed = Boolean(run && drafts()[run.id]);
  keepButton.disabled = drop.disabled = !changed;
  keepButton.title = changed ? "" : "Nothing has been changed";
  mark.textContent = changed ? "Not kept yet" : "";
}

function draw() {
  const value = shown();
  root.hidden = !value?.id;
  if (!value?.id) return;
  const draft = drafts()[value.id];
  const typing = run?.id === value.id && root.contains(document.activeElement);
  run = value;
  if (!typing) for (const key of Object.keys(NAMES)) boxes[key].value = (draft ?? value)[key] ?? "";
  if (draft && Object.keys(NAMES).every((key) => draft[key] === value[key])) remember(); // it has been kept
  say();
}

keepButton.addEventListener("click", () => {
  // As the server writes them, so that what comes back is known as what was kept.
  boxes.name.value = boxes.name.value.trim().split(/\s+/).join(" ");
  boxes.tags.value = [...new Set(boxes.tags.value.split(",").map((tag) => tag.trim()).filter(Boolean))].join(", ");
  remember();
  trigger("input", { id: run.id, ...Object.fromEntries(Object.keys(NAMES).map((key) => [key, boxes[key].value])) });
  mark.textContent = "Keeping …";
});
drop.addEventListener("click", () => {
  for (const key of Object.keys(NAMES)) boxes[key].value = run[key] ?? "";
  remember();
});

takeNews(root, draw);
watch("value", draw);
draw();
