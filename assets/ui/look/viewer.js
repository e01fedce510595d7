// include: components/shared/dom
// An image in its own size above the page. `props.value` is {src, title, note, at}: another one opens it; Escape, a click
// or the button closes it.
const root = element.querySelector(".viewer");
const dialog = make("dialog", "viewer-dialog", root);
const image = make("img", "viewer-image", dialog);
const text = make("p", "viewer-title", dialog);
const note = make("p", "viewer-note", dialog);
const close = make("button", "viewer-close", dialog, "Close");
close.type = "button";

watch("value", () => {
  const { src, title = "", note: told = "" } = props.value || {};
  if (!src) return;
  image.src = src;
  image.alt = title;
  text.textContent = title;
  note.textContent = told;
  if (!dialog.open) dialog.showModal();
});
dialog.addEventListener("click", (event) => event.target !== text && event.target !== note && dialog.close());
