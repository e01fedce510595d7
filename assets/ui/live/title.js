// The browser's title says how training is going, for one who looks at another tab. Triggers `input` with the numbers
// of the last event that was told and the newest, for those between them to be told.
const EVERY = 3000; // milliseconds
const root = element.querySelector(".title");
let told = null; // what was before the page was opened counts as told

async function ask() {
  try {
    const { title, newest } = await server.notices({});
    if (document.title !== title) document.title = title;
    if (told !== null && newest > told) trigger("input", { told, newest });
    told = newest;
  } catch {
    // The server does not answer; what happens meanwhile is told when it does again.
  }
  if (root.isConnected) setTimeout(ask, EVERY);
}

ask();
