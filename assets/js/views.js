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
  grid.replaceChildren(
    ...pairs.map(({ id, original, views }) => {
      const pair = document.createElement("div");
      pair.className = "views-pair";
      for (const name of ["picture", "view 1", "view 2"]) {
        pair.appendChild(document.createElement("span")).textContent = name;
      }
      pair.append(
        picture(original, id),
        picture(views[0], `First view of ${id}`),
        picture(views[1], `Second view of ${id}`),
      );
      return pair;
    }),
  );
}

watch("value", draw);
draw();
