"use strict";
const assert = require("node:assert/strict");
const test = require("node:test");
const { load } = require("./load.js");

const at = load(["look/map/cloud"]);

test("a place lies within an outline, whichever way that was drawn", () => {
  for (const outline of ["[[0, 4, 4, 0], [0, 0, 4, 4]]", "[[0, 0, 4, 4], [0, 4, 4, 0]]"]) {
    assert.equal(at(`within(1, 1, ${outline})`), true);
    assert.equal(at(`within(5, 1, ${outline})`), false);
    assert.equal(at(`within(-1, 1, ${outline})`), false);
  }
});

test("a notch of an outline is outside", () => {
  const notched = "[[0, 4, 4, 2, 0], [0, 0, 4, 1, 4]]";
  assert.equal(at(`within(2, 3, ${notched})`), false);
  assert.equal(at(`within(0.5, 2, ${notched})`), true);
});

test("a box has four corners", () => {
  assert.equal(JSON.stringify(at("cornersOf({ x: [1, 2], y: [3, 4] })")), "[[1,2,2,1],[3,3,4,4]]");
});

test("a disc covers its area, whole in the middle and partly at the rim", () => {
  const { reach, dx, dy, cover } = at("stampOf(4)");
  assert.equal(reach, 4);
  assert.equal(dx.length, dy.length);
  const area = cover.reduce((sum, share) => sum + share, 0);
  assert.ok(Math.abs(area - Math.PI * 16) < 1.5, `${area}`);
  assert.equal(cover[dx.findIndex((x, i) => x === 4 && dy[i] === 4)], 1);
  assert.ok(cover.some((share) => share < 1));
});
