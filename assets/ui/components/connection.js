// include: components/shared/dom components/shared/event-stream
// While the server does not answer, one sentence says so, on every page; gradio's own toasts about it are taken away.
const root = element.querySelector(".connection");
root.setAttribute("role", "status");
const sentence = make("p", "problem", root, "The dashboard does not answer. Training goes on without it; this page tries again by itself.");
sentence.hidden = true;
// What browsers and gradio call it.
const CUT_OFF = /Failed to fetch|NetworkError|Load failed|Connection errored out|connection to the server was lost|Could not (resolve|connect)/i;

const fetched = withoutLostEvents(window.fetch.bind(window), staying());
window.fetch = async (...asked) => {
  try {
    const answer = await fetched(...asked);
    sentence.hidden = true;
    return answer;
  } catch (error) {
    if (error?.name !== "AbortError") sentence.hidden = false;
    throw error;
  }
};

new MutationObserver(() => {
  for (const toast of document.querySelectorAll(".toast-body")) {
    if (CUT_OFF.test(toast.textContent)) toast.remove();
  }
}).observe(document.body, { childList: true, subtree: true });
