// include: components/shared/opening
// Keeps the address in step with what the page shows: whatever is chosen is in it, and Back goes one choice back.
// `props.value` is what to set, {page, run, …}: null takes a name out, what is missing stays; `replace` says that it is no
// step to go back to, `read` that the server is to read it back. A `page` is also opened. `props.pages` maps the names
// of pages, earlier ones too, to {id, inside}; `props.start` is where one who has dismissed the first page begins.
// Triggers `input` when Back or Forward has changed the address, for the server to set what it says.
const PAGE = "page", EARLIER = "tab"; // what a page was called in addresses of earlier versions
let open = null; // the page that is shown
let going = null; // the page that is being opened for the address, which is no step of its own

const button = (id) => document.getElementById(`tab-${id}-button`);

function wanted() {
  const names = new URLSearchParams(window.location.search);
  return props.pages[names.get(PAGE) ?? names.get(EARLIER)]?.id;
}

function write(names, replace) {
  const address = new URL(window.location.href);
  for (const [name, value] of Object.entries(names)) {
    if (value === null || value === undefined || value === "") address.searchParams.delete(name);
    else address.searchParams.set(name, value);
  }
  if (PAGE in names) address.searchParams.delete(EARLIER);
  if (address.href === window.location.href) return;
  window.history[replace ? "replaceState" : "pushState"](null, "", address);
}

function show(id) {
  if (!id || id === open) return;
  going = id;
  button(id)?.click();
}

// Whoever opened it, by a click, a key or the address.
function opened() {
  const chosen = document.querySelector('#tabs [role="tab"][aria-selected="true"]');
  const id = chosen?.id.replace(/^tab-/, "").replace(/-button$/, "");
  if (!id || id === open) return;
  const first = open === null, byAddress = going === id;
  open = id;
  going = null;
  document.body.dataset.page = id;
  document.body.classList.toggle("looks-inside", props.pages[id]?.inside === true);
  if (!first && !byAddress) write({ [PAGE]: id }, false);
}

function set() {
  const { replace = false, read = false, ...given } = props.value || {};
  if (EARLIER in given) {
    given[PAGE] = given[EARLIER];
    delete given[EARLIER];
  }
  const id = props.pages[given[PAGE]]?.id;
  if (id) given[PAGE] = id;
  write(given, replace);
  show(id);
  if (read) trigger("input", {});
}

function begin() {
  const tabs = document.getElementById("tabs");
  if (!tabs || !tabs.querySelector('[role="tab"]')) return requestAnimationFrame(begin);
  new MutationObserver(opened).observe(tabs, { subtree: true, childList: true, attributeFilter: ["aria-selected"] });
  opened();
  show(wanted() ?? (welcomes() ? null : props.start));
}

window.addEventListener("popstate", () => {
  show(wanted() ?? Object.values(props.pages)[0].id);
  trigger("input", {});
});
watch("value", set);
begin();
