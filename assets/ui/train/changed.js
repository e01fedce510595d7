// include: components/shared/dom
// How many settings were changed since the form was filled in. `props.value` is {changed: [{id, title}], title, undo};
// `click` is triggered with {act: "reset"} or {act: "undo"}. Changed fields get a mark; a rule for their ids does that,
// because gradio writes the classes of an element anew.
const root = element.querySelector(".changed");
const marks = make("style", "", root);
const text = make("span", "changed-text", root);
text.setAttribute("role", "status");
const show = button("Show them", () => document.dispatchEvent(new CustomEvent("settings-changed-only")));
const reset = button("Reset", () => trigger("click", { act: "reset" }));
const undo = button("Undo", () => trigger("click", { act: "undo" }));

function button(label, act) {
  const node = make("button", "link-button", root, label);
  node.type = "button";
  node.addEventListener("click", act);
  return node;
}

function draw() {
  const { changed = [], title = "", undo: earlier = false } = props.value || {};
  text.textContent = changed.length ? `Changed from ${title}: ${changed.length}` : `As in ${title}`;
  text.title = changed.map((one) => one.title).join(", ");
  show.hidden = reset.hidden = changed.length === 0;
  undo.hidden = !earlier;
  undo.title = `Back to what stood here before ${title}`;
  const ids = changed.map(({ id }) => `#${id} [data-testid="block-info"]::after`).join(", ");
  marks.textContent = ids ? `${ids} { content: " •"; color: var(--color-accent); }` : "";
  document.dispatchEvent(new CustomEvent("settings-changed", { detail: changed.map(({ id }) => id) }));
}

watch("value", draw);
draw();
