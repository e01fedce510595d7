"use strict";
const assert = require("node:assert/strict");
const test = require("node:test");
const { load } = require("./load.js");

const at = load(["live/chosen"]);
const after = (chosen, id) => Array.from(at(`lookAt(${JSON.stringify(chosen)}, "${id}")`)).join("");
const tick = (chosen, ids, on) => Array.from(at(`ticked(${JSON.stringify(chosen)}, ${JSON.stringify(ids)}, ${on})`)).join("");

test("looking at a run takes the place of the one before, and those ticked beside stay", () => {
  assert.equal(after([], "a"), "a");
  assert.equal(after(["a"], "b"), "b");
  assert.equal(after(["a", "b", "c"], "c"), "cab");
  assert.equal(after(["a", "b", "c"], "d"), "dbc");
  assert.equal(after(["a", "b"], "a"), "ab");
});

test("ticks are added and taken away, and the run that is looked at stays", () => {
  assert.equal(tick(["a"], ["b", "c"], true), "abc");
  assert.equal(tick(["a", "b"], ["b", "c"], true), "abc");
  assert.equal(tick(["a", "b", "c"], ["a", "b"], false), "ac");
});
