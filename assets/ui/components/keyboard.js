// include: components/shared/dom components/shared/shortcuts
// The keyboard: the skip link, and shortcuts, listed on "?". `props.pages` are [{id, title, key}]: "g" and then the key opens
// a page. Single keys can be switched off, since speech input and some screen readers send them.
const OFF = "simsiam-shortcuts";
const root = element.querySelector(".keyboard");
const dialog = make("dialog", "shortcuts", root);
dialog.setAttribute("aria-labelledby", "shortcuts-title");
const heading = make("h2", "", dialog, "Keyboard shortcuts");
heading.id = "shortcuts-title";
const list = make("dl", "", dialog);
const label = make("label", "shortcuts-use", dialog);
const use = make("input", "", label);
use.type = "checkbox";
make("span", "", label, "Use these shortcuts");
const close = make("button", "shortcuts-close", dialog, "Close");
close.type = "button";
close.addEventListener("click", () => dialog.close());

const kept = () => { try { return window.localStorage.getItem(OFF) !== "off"; } catch { return true; } };
use.checked = kept();
use.addEventListener("change", () => {
  try { window.localStorage.setItem(OFF, use.checked ? "on" : "off"); } catch { /* this browser keeps nothing */ }
});

const rows = [["?", "This list"], ...props.pages.map(({ title, key }) => [`g ${key}`, title]), ["b", "The bar: run, checkpoint, images"]];
for (const [keys, meaning] of rows) {
  const term = make("dt", "", list);
  for (const key of keys.split(" ")) make("kbd", "", term, key);
  make("dd", "", list, meaning);
}

const acts = {
  "?": () => { if (!dialog.open) dialog.showModal(); },
  b: () => document.getElementById("bar-run")?.focus(),
  ...Object.fromEntries(props.pages.map(({ id, key }) => [`g ${key}`, () => document.getElementById(`tab-${id}-button`)?.click()])),
};

let before = "";
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || (dialog.open && event.key !== "?")) return;
  if (!use.checked && event.key !== "?") return; // which alone shows the switch
  const act = acts[afterKeys(before, event.key)];
  before = act ? "" : event.key;
  if (act) {
    event.preventDefault();
    act();
  }
});

document.querySelector(".skip-link")?.addEventListener("click", (event) => {
  event.preventDefault();
  const panel = [...document.querySelectorAll('#tabs [role="tabpanel"]')].find((one) => one.offsetParent);
  if (!panel) return;
  panel.tabIndex = -1;
  panel.focus();
});
