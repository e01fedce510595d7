// Images beside the augmented views of each. `props.value` is {images: [{id, original, views: […]}], note}.
const root = element.querySelector(".views");
const note = root.appendChild(document.createElement("p"));
note.className = "views-note";
const grid = root.appendChild(document.createElement("div"));
grid.className = "views-grid";

function image(src, alt) {
  const image = document.createElement("img");
  image.src = src;
  image.alt = alt;
  return image;
}

function draw() {
  const { images = [], note: text = "" } = props.value || {};
  note.textContent = text;
  grid.style.setProperty("--views", images[0]?.views.length ?? 2);
  grid.replaceChildren(
    ...images.map(({ id, original, views }) => {
      const shown = document.createElement("div");
      shown.className = "views-of-one";
      for (const name of ["image", ...views.map((_, i) => `view ${i + 1}`)]) {
        shown.appendChild(document.createElement("span")).textContent = name;
      }
      shown.append(image(original, id), ...views.map((view, i) => image(view, `View ${i + 1} of ${id}`)));
      return shown;
    }),
  );
}

watch("value", draw);
draw();
