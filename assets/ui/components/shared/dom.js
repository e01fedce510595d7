// What every component of the page starts from.

// A new element inside `parent`; text goes in as text, so nothing that a file is called can become markup.
function make(tag, className = "", parent = null, text = undefined) {
  const node = document.createElement(tag);
  node.className = className;
  if (text !== undefined) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}

// An image of the data set, {id, src, label}.
function makeImage({ id, src, label }, className, parent) {
  const image = make("img", className, parent);
  image.src = src;
  image.alt = label || id;
  image.draggable = false;
  return image;
}
