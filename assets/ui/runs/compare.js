// include: components/shared/dom components/shared/updates
// What the ticked runs are compared by. `props.value` is {runs, results: [{key, title}], settings: [{key, title, differs}],
// result, setting}. What is chosen goes to the server by the event `aim`.
const root = element.querySelector(".compare");
const hint = make("p", "runs-note", root, "Tick two runs or more in the list to compare them.");
const result = box("Result", "runs-outcome", "outcome");
const setting = box("Setting", "runs-setting", "setting");

function box(text, id, name) {
  const label = make("label", "chart-control", root);
  label.id = id;
  make("span", "", label, text);
  const node = make("select", "list-choice", label);
  node.addEventListener("change", () => document.dispatchEvent(new CustomEvent("aim", { detail: { [name]: node.value } })));
  return node;
}

function fill(node, groups, value) {
  const text = JSON.stringify(groups);
  if (node.dataset.options !== text) {
    node.replaceChildren(...groups.map(([title, options]) => {
      const group = title ? document.createElement("optgroup") : document.createDocumentFragment();
      if (title) group.label = title;
      group.append(...options.map((option) => new Option(option.title, option.key)));
      return group;
    }));
    node.dataset.options = text;
  }
  node.value = value;
}

function draw() {
  const value = shown() || {};
  const few = (value.runs || 0) < 2;
  hint.hidden = !few;
  result.parentNode.hidden = setting.parentNode.hidden = few;
  document.querySelector(".runs-page")?.classList.toggle("is-alone", few);
  if (few) return;
  const [differing, same] = [true, false].map((wanted) => value.settings.filter((one) => one.differs === wanted));
  fill(result, [["", value.results]], value.result);
  fill(setting, [["They differ in", differing], ["The same in all", same]].filter(([, options]) => options.length), value.setting);
}

takeNews(root, draw);
watch("value", draw);
draw();
