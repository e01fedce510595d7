// What the widgets of Runs share: the chosen runs, what the address holds, and what this browser keeps for a person.

// The runs that are chosen, for a widget that comes later than the event `chosen`.
function chosenNow() {
  return (document.body.dataset.chosen ?? "").split(",").filter(Boolean);
}

// Tell the server what a widget is set to, now and to a script that comes later to ask.
function tellAim(aim) {
  const tell = () => document.dispatchEvent(new CustomEvent("aim", { detail: aim() }));
  document.addEventListener("aims", tell);
  tell();
  return tell;
}

function inAddress(name) {
  return new URLSearchParams(window.location.search).get(name) ?? "";
}

function kept(name, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(name)) ?? otherwise;
  } catch {
    return otherwise; // a browser may keep nothing, or something else under this name
  }
}

function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // It then lasts as long as the page.
  }
}
