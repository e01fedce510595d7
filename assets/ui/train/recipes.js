// include: components/shared/dom
// Recipes as cards. `props.value` is {options: [{name, title, description}], more, title, chosen}; those of `more` are
// folded away under `title`. A click triggers `select` with the name, and when it was.
const root = element.querySelector(".recipes");
root.setAttribute("role", "group");
root.setAttribute("aria-label", "Recipes");
const cards = make("div", "presets", root);
const fold = make("details", "recipes-more", root);
const title = make("summary", "", fold);
const folded = make("div", "presets", fold);

function card({ name, title, description }, chosen) {
  const node = make("button", "preset");
  node.type = "button";
  node.id = `preset-${name}`;
  node.setAttribute("aria-pressed", String(name === chosen));
  make("strong", "", node, title);
  make("span", "", node, description);
  node.addEventListener("click", () => trigger("select", { name, at: performance.now() }));
  return node;
}

function draw() {
  const { options = [], more = [], title: text = "", chosen = null } = props.value || {};
  const focused = document.activeElement?.closest?.(".preset")?.id;
  cards.replaceChildren(...options.map((one) => card(one, chosen)));
  folded.replaceChildren(...more.map((one) => card(one, chosen)));
  title.textContent = text;
  fold.hidden = more.length === 0;
  if (more.some(({ name }) => name === chosen)) fold.open = true;
  if (focused && root.querySelector(`#${focused}`)) root.querySelector(`#${focused}`).focus();
}

watch("value", draw);
draw();
