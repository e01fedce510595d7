"use strict";
const assert = require("node:assert/strict");
const test = require("node:test");
const { load } = require("./load.js");

const at = load(["look/map/player"]);

test("a frame is called by its epoch, and not by its number in the row", () => {
  assert.equal(at('titleOf("epoch=0020")'), "epoch 20");
  assert.equal(at('titleOf("epoch=0000")'), "epoch 0");
  assert.equal(at('titleOf("last")'), "last");
});
