// Classes with their colours and counts; a click switches one off or on, a double click leaves it alone.
const NAME_SHOWN = 32; // letters of a class's name; the whole of it is its title
function legendOf(parent, changed) {
  const root = make("div", "map-legend", parent);
  const hidden = new Set();
  let entries = [];

  function press() {
    for (const [index, entry] of entries) entry.setAttribute("aria-pressed", String(!hidden.has(index)));
    changed();
  }

  function only(index) {
    const alone = entries.every(([other]) => hidden.has(other) === (other !== index));
    hidden.clear();
    if (!alone) entries.forEach(([other]) => other !== index && hidden.add(other));
    press();
  }

  function draw({ names = [], colours = [] }, codes) {
    root.replaceChildren();
    entries = [];
    if (!codes) return hidden.clear();
    const counts = new Array(names.length).fill(0);
    for (const code of codes) counts[code] += 1;
    names.forEach((name, index) => {
      if (!counts[index]) return;
      const entry = make("button", "map-class", root);
      entry.type = "button";
      entry.title = `${name}: click to hide or show, double click to show it alone`;
      entry.setAttribute("aria-pressed", String(!hidden.has(index)));
      make("span", "map-dot", entry).style.background = colours[index];
      const cut = name.length > NAME_SHOWN ? `${name.slice(0, NAME_SHOWN - 1)}…` : name;
      make("span", "", entry, `${cut} ${counts[index].toLocaleString("en")}`);
      entry.addEventListener("click", () => {
        if (!hidden.delete(index)) hidden.add(index);
        press();
      });
      entry.addEventListener("dblclick", () => only(index));
      entries.push([index, entry]);
    });
  }
  return { draw, hidden };
}
