"use strict";
const assert = require("node:assert/strict");
const test = require("node:test");
const { load } = require("./load.js");

// An image that is loaded as soon as it has an address; and a clock that is moved by hand.
class Image {
  set src(address) {
    this.address = address;
    this.onload();
  }
}

function world() {
  const [asked, waiting] = [[], []];
  let arrived = 0;
  const given = {
    Image,
    setTimeout: (work) => waiting.push(work),
    source: async (ids) => (asked.push([...ids]), Object.fromEntries(ids.filter((id) => id !== "gone").map((id) => [id, `of ${id}`]))),
    arrived: () => (arrived += 1),
  };
  const at = load(["look/map/pictures"], given);
  at("const pictures = picturesOf(source, arrived)");
  return { at, asked, arrived: () => arrived, pass: () => Promise.all(waiting.splice(0).map((work) => work())) };
}

test("images are asked for once and together, and drawn when they are there", async () => {
  const { at, asked, arrived, pass } = world();
  for (const id of ["a", "b", "a", "gone"]) assert.equal(at(`pictures.get("${id}")`), null);
  await pass();
  assert.deepEqual(asked, [["a", "b", "gone"]]);
  assert.equal(arrived(), 2);
  assert.equal(at('pictures.get("a").address'), "of a");
  assert.equal(at('pictures.get("gone")'), null);
  await pass();
  assert.equal(asked.length, 1, "what is not there is not asked for again");
});

test("images of another map do not stand for those of this one", async () => {
  const { at, asked, arrived, pass } = world();
  at('pictures.get("a")');
  const late = pass();
  at("pictures.forget()");
  await late;
  assert.equal(arrived(), 0);
  assert.equal(at('pictures.get("a")'), null);
  await pass();
  assert.equal(asked.length, 2);
});
