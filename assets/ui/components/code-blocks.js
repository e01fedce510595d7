// include: components/shared/dom
// Pieces of code to take away. `props.value` is [{title, note, text, file}]; each has a button that copies it and, where
// `file` names it, one that saves it.
const root = element.querySelector(".code-blocks");

function button(text, label, parent, act) {
  const node = make("button", "code-button", parent, text);
  node.type = "button";
  node.setAttribute("aria-label", label);
  node.addEventListener("click", () => act(node));
}

// The clipboard is closed to pages that came over plain http from another machine: the text is marked there instead.
async function copy(block, node) {
  try {
    await navigator.clipboard.writeText(block.textContent);
    node.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(block);
    node.textContent = "Marked: press Ctrl-C";
  }
  setTimeout(() => { node.textContent = "Copy"; }, 2500);
}

function save(text, file) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  link.download = file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function draw() {
  root.replaceChildren();
  for (const { title, note, text, file } of props.value || []) {
    const box = make("section", "code-block", root);
    const head = make("div", "code-head", box);
    make("h4", "", head, title);
    const block = make("pre", "", null, text);
    block.tabIndex = 0; // it may have to be scrolled
    block.setAttribute("aria-label", title);
    block.setAttribute("role", "region");
    button("Copy", `Copy: ${title}`, head, (node) => copy(block, node));
    if (file) button("Save", `Save: ${title}`, head, () => save(text, file));
    if (note) make("p", "code-note", box, note);
    box.appendChild(block);
  }
}
watch("value", draw);
draw();
