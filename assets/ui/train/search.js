// include: components/shared/dom
// Finds settings in the drawer by their titles and help. What does not match is hidden by a rule for its id, because
// gradio writes the classes of an element anew. Told by `settings-changed` which settings were changed.
const root = element.querySelector(".search");
const hidden = make("style", "", root);
const box = make("input", "search-box", root);
Object.assign(box, { type: "search", placeholder: "Search all settings", id: "form-search" });
box.setAttribute("aria-label", "Search all settings");
const only = make("label", "search-only", root);
const onlyBox = make("input", "", only);
onlyBox.type = "checkbox";
only.append("Changed ones only");
const none = make("p", "search-none", root, "No setting is called that or does that.");
none.setAttribute("role", "status");
let changed = [];

function filter() {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  const drawer = root.closest("#form-drawer");
  const rules = [];
  let found = 0;
  for (const section of drawer.querySelectorAll(".form-section")) {
    const heading = section.querySelector("h3")?.textContent ?? "";
    let here = 0;
    for (const field of section.querySelectorAll(".field")) {
      const text = `${heading} ${field.textContent} ${field.id}`.toLowerCase();
      const fits = words.every((word) => text.includes(word)) && (!onlyBox.checked || changed.includes(field.id));
      if (fits) here += 1;
      else rules.push(`#${field.id}`);
    }
    if (!here) rules.push(`#${section.id}`);
    found += here;
  }
  hidden.textContent = rules.length ? `${rules.join(", ")} { display: none !important; }` : "";
  none.hidden = found > 0;
}

function showAll() {
  box.value = "";
  onlyBox.checked = false;
  filter();
}

function listen(name, act) {
  const heard = (event) => (root.isConnected ? act(event) : document.removeEventListener(name, heard));
  document.addEventListener(name, heard);
}

box.addEventListener("input", filter);
onlyBox.addEventListener("change", filter);
listen("settings-changed", ({ detail }) => {
  changed = detail;
  if (onlyBox.checked) filter();
});
listen("settings-all", showAll);
none.hidden = true;
