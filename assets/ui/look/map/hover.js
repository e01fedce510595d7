// The image under the pointer. `source(id)` promises its address, or nothing; each image is asked for once.
function hoverCard(stage, source) {
  const card = make("div", "map-hover", stage);
  const image = make("img", "", card);
  const text = make("span", "", card);
  const images = new Map();
  let over = null;

  async function found(id) {
    await new Promise((resolve) => setTimeout(resolve, 40)); // a pointer that only passes asks for nothing
    if (id === over) return source(id);
    images.delete(id);
    return null;
  }

  async function show(id, title, event) {
    over = id;
    text.textContent = title;
    const box = stage.getBoundingClientRect();
    card.style.left = `${Math.min(event.clientX - box.left + 14, box.width - 150)}px`;
    card.style.top = `${Math.min(event.clientY - box.top + 14, box.height - 130)}px`;
    image.removeAttribute("src");
    card.classList.add("is-shown");
    if (!images.has(id)) images.set(id, found(id));
    const address = await images.get(id);
    if (id === over && address) image.src = address;
  }
  const hide = () => card.classList.remove("is-shown");
  const forget = () => images.clear(); // another run's images may bear the same ids
  return { show, hide, forget };
}

// Cuts thumbnails out of the one image with all of them that a page on its own carries.
function atlasReader({ src, columns, size }) {
  const sheet = new Image();
  sheet.src = src;
  return async (row) => {
    await sheet.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: size, height: size });
    const at = [(row % columns) * size, Math.floor(row / columns) * size];
    canvas.getContext("2d").drawImage(sheet, ...at, size, size, 0, 0, size, size);
    return canvas.toDataURL();
  };
}
