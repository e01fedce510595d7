// include: shared/dom
// Asks for what is new once a second, while it can be seen, and hands it to the widgets of that id, which take it by
// `takeNews`. `props.value` is {chosen, axis, at}: another one is asked for at once. Triggers `input` when what the
// page's buttons depend on has changed.
const EVERY = 1000, LOOK = 100; // milliseconds
const root = element.querySelector(".news");
const trouble = make("p", "problem", root);
let have = {}, controls = null, asking = false, due = 0;
trouble.hidden = true;

async function ask() {
  const { chosen = [], axis = "step" } = props.value || {};
  asking = true;
  due = performance.now() + EVERY;
  try {
    const news = await server.news({ chosen, axis, have });
    for (const [id, value] of Object.entries(news.parts)) {
      const taker = document.querySelector(`#${id} [data-takes-news]`);
      const given = new CustomEvent("news", { detail: value, cancelable: true });
      if (taker && !taker.dispatchEvent(given)) have[id] = news.versions[id]; // one that is not there yet gets it later
    }
    if (news.controls !== controls) trigger("input", {});
    controls = news.controls;
    trouble.hidden = true;
  } catch {
    trouble.textContent = "The dashboard does not answer. Training goes on without it; this page tries again.";
    trouble.hidden = false;
  }
  asking = false;
}

const clock = setInterval(() => {
  if (!root.isConnected) clearInterval(clock);
  else if (!asking && !document.hidden && root.offsetParent && performance.now() >= due) ask();
}, LOOK);

watch("value", () => { due = 0; });
