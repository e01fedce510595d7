// include: components/shared/dom components/shared/opening components/shared/updates
// The doors, {doors: [{name, title, text, button, shut}], repeat}. Triggers `select` with {door}. Whether the page is shown
// at the start is remembered by this browser.
const root = element.querySelector(".doors");
const list = make("div", "doors-list", root);
const label = make("label", "doors-repeat", root);
const box = make("input", "", label);
const text = make("span", "", label);
box.type = "checkbox";
box.checked = welcomes();
box.addEventListener("change", () => welcomeAgain(box.checked));

function draw() {
  const { doors = [], repeat = "" } = shown() || {};
  list.replaceChildren(
    ...doors.map((door) => {
      const card = make("section", `door door-${door.name}`);
      make("h2", "", card, door.title);
      make("p", "", card, door.text);
      const button = make("button", "door-open", card, door.button);
      button.type = "button";
      button.id = `welcome-${door.name}`;
      button.disabled = Boolean(door.shut);
      if (door.shut) make("p", "door-shut", card, door.shut);
      button.addEventListener("click", () => trigger("select", { door: door.name }));
      return card;
    }),
  );
  text.textContent = repeat;
}

draw();
takeNews(root, draw);
