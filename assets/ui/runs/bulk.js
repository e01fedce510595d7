// include: components/shared/dom runs/keeping
// What is done to all ticked runs at once. `props.value` is what came of it, {said, problem, undo: [ids]}. Triggers `input`
// with {act: "trash" | "restore" | "tag", ids, tag}.
const root = element.querySelector(".bulk");
const line = make("div", "bulk-line", root);
const count = make("span", "runs-note", line);
const tag = button(line, "Tag …", () => open("tag"));
const trash = button(line, "Move to the trash …", () => open("trash"));
button(line, "Untick", () => document.dispatchEvent(new CustomEvent("choose", { detail: { tick: chosen.slice(1), on: false } })));
const sure = make("form", "bulk-line", root);
const question = make("label", "", sure);
const words = make("span", "", question);
const box = make("input", "list-search", question);
const yes = button(sure, "", () => {});
yes.type = "submit";
button(sure, "Cancel", () => open(null));
const said = make("div", "bulk-line", root);
said.setAttribute("role", "status");
const text = make("span", "", said);
const undo = button(said, "Bring back", () => trigger("input", { act: "restore", ids: props.value.undo }));
let chosen = chosenNow(), asked = null;

function button(parent, name, act) {
  const node = make("button", "list-button", parent, name);
  node.type = "button";
  node.addEventListener("click", act);
  return node;
}

function open(what) {
  asked = what;
  draw();
  if (what) (what === "tag" ? box : yes).focus();
  else trash.focus();
}

function draw() {
  const several = chosen.length > 1, value = props.value || {};
  if (!several) asked = null;
  line.hidden = !several || asked !== null;
  sure.hidden = !several || asked === null;
  count.textContent = `${chosen.length} runs`;
  words.textContent = asked === "tag" ? `Tag for these ${chosen.length} runs` : `Move these ${chosen.length} runs to the trash?`;
  box.hidden = asked !== "tag";
  yes.textContent = asked === "tag" ? "Add the tag" : "Move them";
  text.textContent = value.said || "";
  text.className = "runs-note";
  undo.hidden = !(value.undo || []).length;
  said.hidden = !value.said && !value.problem;
  if (!undo.hidden && document.activeElement === document.body) undo.focus(); // what was pressed is gone
  if (value.problem) {
    text.textContent = `${value.said || ""} ${value.problem}`.trim();
    text.className = "problem";
  }
}

sure.addEventListener("submit", (event) => {
  event.preventDefault();
  trigger("input", { act: asked, ids: chosen, tag: box.value });
  box.value = "";
  open(null);
});
document.addEventListener("chosen", (event) => { chosen = event.detail; draw(); });
watch("value", draw);
draw();
