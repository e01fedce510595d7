// include: live/chosen
// Asks for what is new once a second, while it can be seen, and hands it to the widgets of that id, which take it by
// `takeNews`. Widgets say by the event `aim` what they are set to, and by `choose` which runs a person chose, {look: id} or
// {tick: [ids], on}; both are asked for at once. The event `chosen` tells all widgets which they are now. Triggers `select` with
// {chosen, number, replace} as they change, and `input` when what the page's buttons depend on has.
// `props.value` is {chosen, number, acts}, the last two where `props.chooses`: what the server holds after choice `number`, and the run that its buttons act on.
const EVERY = 1000, LOOK = 100, LOST = 20_000; // milliseconds; an answer that is lost is not waited for
const root = element.querySelector(".updates");
let have = {}, controls = null, asking = false, due = 0;
const chooses = props.chooses === true; // else the runs are those that the server says, and none of what follows is about it
let chosen = chooses ? inAddress() : props.value?.chosen ?? [];
let number = 0;
const aim = {};

function inAddress() {
  const names = new URLSearchParams(window.location.search);
  return (names.get("runs") ?? (names.has("checkpoint") ? "" : names.get("run")) ?? "").split(",").filter(Boolean);
}

function show(ids) {
  chosen = ids;
  document.body.dataset.chosen = chosen.join();
  document.dispatchEvent(new CustomEvent("chosen", { detail: chosen }));
  due = 0;
  guard();
}

// A step that Back goes to, or `replace` where no person made it.
function choose(ids, replace) {
  number += 1;
  show(ids);
  trigger("select", { chosen, number, replace });
}

// The buttons are not to be pressed as long as they act on the run that was looked at before.
function guard() {
  const behind = (props.value?.acts ?? chosen[0]) !== chosen[0];
  for (const node of document.querySelectorAll(".acts-on-run")) node.inert = behind;
}

async function ask() {
  const about = chosen;
  asking = true;
  due = performance.now() + EVERY;
  try {
    const lost = new Promise((_, reject) => setTimeout(reject, LOST));
    const news = await Promise.race([server.news({ ...aim, chosen, have }), lost]);
    for (const [id, value] of Object.entries(news.parts)) {
      const taker = document.querySelector(`#${id} [data-takes-news]`);
      const given = new CustomEvent("news", { detail: value, cancelable: true });
      if (taker && !taker.dispatchEvent(given)) have[id] = news.versions[id]; // one that is not there yet gets it later
    }
    // What is looked at stays so, whatever begins elsewhere; what is gone is looked at no longer.
    if (chooses && about === chosen && news.chosen.join() !== chosen.join()) choose(news.chosen, true);
    if (news.controls !== controls) trigger("input", {});
    controls = news.controls;
  } catch {
    // The page says that the server does not answer, and this asks again.
  }
  asking = false;
}

function follow() {
  const value = props.value || {};
  due = 0;
  if (!chooses) return void (chosen = value.chosen ?? []);
  const behind = (value.number ?? 0) < number; // a choice made since is still on its way to the server
  if (!behind && value.chosen?.length && value.chosen.join() !== chosen.join()) show(value.chosen);
  guard();
}

if (chooses) {
  document.addEventListener("aim", ({ detail }) => { Object.assign(aim, detail); due = 0; });
  document.addEventListener("choose", ({ detail }) =>
    choose(detail.look ? lookAt(chosen, detail.look) : ticked(chosen, detail.tick, detail.on), false));
}

const clock = setInterval(() => {
  if (!root.isConnected) clearInterval(clock);
  else if (!asking && !document.hidden && root.offsetParent && performance.now() >= due) ask();
}, LOOK);

watch("value", follow);
if (chooses) {
  document.dispatchEvent(new CustomEvent("aims")); // of widgets that were there before
  show(chosen);
}
