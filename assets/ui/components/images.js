// include: components/shared/dom
// A gallery of images. `props.value` is {cards: [{id, src, label, similarity, agrees, title}], note, empty};
// a click on a card triggers `click` with its id.
const root = element.querySelector(".images");
const note = make("p", "cards-note", root);
const grid = make("div", "cards-grid", root);

function card(entry) {
  const node = make("button", "card");
  node.type = "button";
  node.dataset.id = entry.id;
  if (entry.agrees !== undefined && entry.agrees !== null) node.classList.add(entry.agrees ? "agrees" : "differs");
  node.title = entry.title || `${entry.id}${entry.agrees === false ? ": not of the class that the vote chose" : ""}`;
  makeImage(entry, "card-image", node);
  if (entry.label) make("span", "card-label", node, entry.label);
  if (typeof entry.similarity === "number") {
    const bar = make("span", "card-bar", node);
    make("span", "card-bar-fill", bar).style.width = `${Math.max(0, entry.similarity) * 100}%`;
    make("span", "card-figure", node, entry.similarity.toFixed(3));
  }
  return node;
}

function draw() {
  const value = props.value || {};
  const cards = value.cards || [];
  note.textContent = cards.length ? value.note || "" : value.empty || "";
  root.classList.toggle("is-empty", cards.length === 0);
  root.style.setProperty("--card-size", `${value.size || 104}px`);
  grid.replaceChildren(...cards.map(card));
}

grid.addEventListener("click", (event) => {
  const node = event.target.closest(".card");
  if (node) trigger("click", { id: node.dataset.id });
});
watch("value", draw);
draw();
