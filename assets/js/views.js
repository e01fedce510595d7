// Pictures beside two augmented views of each. `props.value` is {pairs: [{id, original, views: [a, b]}], note}.
const root = element.querySelector(".views");
const note = root.appendChild(document.createElement("p"));
note.className = "views-note";
const grid = root.appendChild(document.createElement("div"));
grid.className = "views-grid";

function picture(src, alt) {
  const image = document.createElement("img");
  image.src = src;
  image.alt = alt;
  return image;
}

function draw() {
  const { pairs = [], note: text = "" } = props.value || {};
  note.textContent = text;
  const heads = ["picture", "view 1", "view 2"].map((name) => {
    const head = document.createElement("span");
    head.textContent = name;
    return head;
  });
  const cells = pairs.flatMap(({ id, original, views }) => [
    picture(original, id),
    picture(views[0], `First view of ${id}`),
    picture(views[1], `Second view of ${id}`),
  ]);
  grid.replaceChildren(...(cells.length ? [...heads, ...heads.map((head) => head.cloneNode(true)), ...cells] : []));
}

watch("value", draw);
draw();
