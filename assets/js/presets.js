// Presets as cards. `props.value` is {options: [{name, title, description}], chosen}; a click triggers `select`.
const root = element.querySelector(".presets");
root.setAttribute("role", "radiogroup");
root.setAttribute("aria-label", "Presets");

function draw() {
  const { options = [], chosen = null } = props.value || {};
  root.replaceChildren(
    ...options.map((option) => {
      const node = document.createElement("button");
      node.type = "button";
      node.className = "preset";
      node.id = `preset-${option.name}`;
      node.setAttribute("role", "radio");
      node.setAttribute("aria-checked", option.name === chosen ? "true" : "false");
      const title = node.appendChild(document.createElement("strong"));
      title.textContent = option.title;
      const text = node.appendChild(document.createElement("span"));
      text.textContent = option.description;
      node.addEventListener("click", () => trigger("select", { name: option.name }));
      return node;
    }),
  );
}

watch("value", draw);
draw();
