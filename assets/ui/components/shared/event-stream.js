// gradio's browser client takes the answers to its events from one stream, which the server ends as soon as none is
// owed. An event that joins just then is never answered: the client still counts on the stream that ends, or closes it
// so early that the server forgets the session together with the event. So here the stream goes on for the client as
// long as an answer is owed, its end is read to the last byte, and an event that joins waits until the client took it.

// What a message says of itself, which stands first: messages carry megabytes, so they are not parsed for it.
const HEAD = /^data: \{"msg":"(\w+)"(?:,"event_id":"(\w+)")?/;

// `ask` as `fetch`, for joining and for the stream; everything else passes through. `stays()` settles as it is known
// that the page is not being left: the client closes its stream before the browser leaves, and would open another.
function withoutLostEvents(ask, stays) {
  const owed = new Set(); // events that joined and are not answered
  const early = new Set(); // answered before it was known that they had joined
  let ending = Promise.resolve(); // settles when the client took the end of its stream

  async function join(...asked) {
    const answer = await ask(...asked);
    const { event_id: id } = await answer.clone().json().catch(() => ({}));
    if (id && !early.delete(id)) owed.add(id);
    await ending;
    await stays();
    return answer;
  }

  async function stream(...asked) {
    const request = new Request(...asked);
    await stays(); // else of a session that the server has just forgotten
    const upstream = new AbortController();
    let ended = false;
    const open = () => ask(new Request(request, { signal: upstream.signal }));
    request.signal.addEventListener("abort", () => ended || upstream.abort());
    // Where the client itself gave up, as the page is being left, it is told nothing: each event on its way would be an
    // error on that page.
    const unlessLeft = (error) => (request.signal.aborted ? new Promise(() => {}) : Promise.reject(error));
    const first = await open().catch(unlessLeft);
    if (!first.ok) return first;

    // True if the client goes on with another stream.
    async function pass(answer, give) {
      let another = false;
      for await (const message of messagesOf(answer.body)) {
        const [, kind, id] = HEAD.exec(message) ?? [];
        if (kind === "process_completed" && id && !owed.delete(id)) early.add(id);
        if (kind === "unexpected_error" && !id) owed.clear();
        if (kind !== "close_stream") give(message);
        else if (owed.size) another = true;
        else {
          ended = true;
          ending = new Promise((took) => request.signal.addEventListener("abort", took));
          give(message);
        }
      }
      return another;
    }

    const encoder = new TextEncoder();
    const body = new ReadableStream({
      async start(client) {
        const give = (message) => client.enqueue(encoder.encode(`${message}\n\n`));
        try {
          for (let answer = first; await pass(answer, give); ) answer = await open();
          if (ended) return;
          client.close();
        } catch (error) {
          unlessLeft(error).catch((reason) => client.error(reason));
        }
        owed.clear(); // the server has gone, and with it what it owed
      },
    });
    return new Response(body, { status: first.status, headers: first.headers });
  }

  return (...asked) => {
    const path = new URL(asked[0].url ?? asked[0], document.baseURI).pathname;
    if (path.endsWith("/queue/join")) return join(...asked);
    return path.endsWith("/queue/data") ? stream(...asked) : ask(...asked);
  };
}

async function* messagesOf(body) {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const piece = decoder.decode(part.value, { stream: true });
    text += piece;
    if (!/\n\n|^\n/.test(piece)) continue; // the middle of a long message
    const messages = text.split("\n\n");
    text = messages.pop();
    yield* messages;
  }
}

// Settles at once, or, after the browser began to leave the page, as somebody uses it all the same.
function staying() {
  let stays = Promise.resolve();
  window.addEventListener("beforeunload", () => {
    stays = new Promise((used) => {
      for (const use of ["pointerdown", "keydown"]) window.addEventListener(use, used, { once: true, capture: true });
    });
  });
  return () => stays;
}
