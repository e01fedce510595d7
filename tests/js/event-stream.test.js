"use strict";
const assert = require("node:assert/strict");
const test = require("node:test");
const { load } = require("./load.js");

const CLOSE = { msg: "close_stream", event_id: null };
const done = (id) => ({ msg: "process_completed", event_id: id, output: { data: ["é\n\n"] } });
const later = async () => {
  for (let turn = 0; turn < 30; turn += 1) await new Promise(setImmediate); // what can happen by itself has happened
};

// A server whose answers are written by hand: `streams` are those that are open, each with `send` and `end`.
function world(stays = Promise.resolve()) {
  const streams = [];
  const joins = [];
  const server = async (request) => {
    if (String(request.url ?? request).includes("/queue/join")) {
      return new Promise((answered) => joins.push((id) => answered(Response.json({ event_id: id }))));
    }
    let writer;
    const body = new ReadableStream({ start: (controller) => (writer = controller) });
    const stream = {
      aborted: false,
      send: (message) => [...Buffer.from(`data: ${JSON.stringify(message)}\n\n`)].forEach((byte) => writer.enqueue(new Uint8Array([byte]))),
      end: () => writer.close(),
      fail: (error) => writer.error(error),
    };
    request.signal.addEventListener("abort", () => (stream.aborted = true));
    streams.push(stream);
    return new Response(body);
  };
  const page = { baseURI: "http://here/app/" };
  const given = { server, stays, document: page, Request, Response, ReadableStream, TextEncoder, TextDecoder, AbortController, URL };
  const ask = load(["components/shared/event-stream"], given)("withoutLostEvents(server, () => stays)");
  const client = { heard: [], aborts: new AbortController() };
  client.listen = async () => {
    const answer = await ask(new Request("http://here/app/queue/data?session_hash=s", { signal: client.aborts.signal }));
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) client.heard.push(JSON.parse(part.value.slice(6)));
  };
  client.join = async () => (await ask("http://here/app/queue/join")).json();
  return { streams, joins, client };
}

test("an event that joins while the stream ends is answered in the same one", async () => {
  const { streams, joins, client } = world();
  const listening = client.listen();
  await later();
  const second = client.join();
  await later();
  joins[0]("two");
  assert.equal((await second).event_id, "two");
  streams[0].send(done("one"));
  streams[0].send(CLOSE);
  streams[0].end();
  await later();
  assert.equal(streams.length, 2);
  streams[1].send(done("two"));
  streams[1].send(CLOSE);
  streams[1].end();
  await later();
  assert.deepEqual(client.heard, [done("one"), done("two"), CLOSE]);
  assert.equal(streams.length, 2);
  void listening;
});

test("an event that joins after the end waits until the client has taken the end", async () => {
  const { streams, joins, client } = world();
  client.listen();
  await later();
  let joined = false;
  client.join().then(() => (joined = true));
  await later();
  streams[0].send(CLOSE);
  await later();
  joins[0]("two");
  await later();
  assert.deepEqual(client.heard, [CLOSE]);
  assert.equal(joined, false);
  client.aborts.abort();
  await later();
  assert.equal(joined, true);
  assert.equal(streams[0].aborted, false, "the server would forget the session");
});

test("an answer that overtakes the news of its joining is owed no more", async () => {
  const { streams, joins, client } = world();
  client.listen();
  await later();
  const first = client.join();
  await later();
  streams[0].send(done("one"));
  await later();
  joins[0]("one");
  await first;
  streams[0].send(CLOSE);
  await later();
  assert.deepEqual(client.heard, [done("one"), CLOSE]);
  assert.equal(streams.length, 1);
});

test("a client that leaves before the end is seen to leave", async () => {
  const { streams, client } = world();
  let told = false;
  client.listen().then(() => (told = true), () => (told = true));
  await later();
  client.aborts.abort();
  streams[0].fail(new Error("aborted"));
  await later();
  assert.equal(streams[0].aborted, true);
  assert.equal(told, false, "each event on its way would be an error on the page that is left");
});

test("where a page was not left after all, nothing is owed of the time before", async () => {
  const { streams, joins, client } = world();
  client.listen();
  await later();
  const first = client.join();
  await later();
  joins[0]("one");
  await first;
  client.aborts.abort();
  streams[0].fail(new Error("aborted"));
  await later();
  client.aborts = new AbortController();
  client.listen();
  await later();
  streams[1].send(CLOSE);
  await later();
  assert.deepEqual(client.heard, [CLOSE]);
});

test("a server that breaks off is heard of, and nothing is owed after it", async () => {
  const { streams, joins, client } = world();
  const listening = client.listen();
  await later();
  const first = client.join();
  await later();
  joins[0]("one");
  await first;
  streams[0].end();
  await listening;
  client.listen();
  await later();
  streams[1].send(CLOSE);
  await later();
  assert.deepEqual(client.heard, [CLOSE]);
});

test("a page that is being left opens no other stream", async () => {
  let used;
  const { joins, client } = world(new Promise((go) => (used = go)));
  let joined = false;
  client.join().then(() => (joined = true));
  await later();
  joins[0]("one");
  await later();
  assert.equal(joined, false);
  used();
  await later();
  assert.equal(joined, true);
});

test("a stream that is asked for while the page is being left is not opened", async () => {
  let used;
  const { streams, client } = world(new Promise((go) => (used = go)));
  client.listen();
  await later();
  assert.equal(streams.length, 0);
  used();
  await later();
  assert.equal(streams.length, 1);
});
