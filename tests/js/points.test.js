"use strict";
const assert = require("node:assert/strict");
const test = require("node:test");
const { load } = require("./load.js");

// A canvas that knows colours of six hexadecimal digits alone.
const document = { createElement: () => ({ getContext: () => ({ fillStyle: "" }) }) };
const at = load(["look/map/points"], { document });
const packed = (numbers) => Buffer.from(numbers.buffer).toString("base64");
const plain = (value) => JSON.parse(JSON.stringify(value)); // values of another context are never strictly equal

test("packed numbers are read as they were", () => {
  const floats = at(`Array.from(decode("${packed(Float32Array.of(1.5, -2, 1e-3))}", Float32Array))`);
  assert.deepEqual(plain(floats), [1.5, -2, Math.fround(1e-3)]);
  const codes = at(`Array.from(decode("${packed(Int16Array.of(-1, 300))}", Int16Array))`);
  assert.deepEqual(plain(codes), [-1, 300]);
});

test("there is room around the lowest and highest of all axes", () => {
  assert.deepEqual(plain(at("roomFor([[0, 5], [-5, 2]])")), [-5.5, 5.5]);
  assert.deepEqual(plain(at("roomFor([[3, 3]])")), [2.95, 3.05]);
});

test("axes have plotly's names", () => {
  assert.deepEqual(plain(at("asXyz([[1], [2], [3]])")), { x: [1], y: [2], z: [3] });
  assert.deepEqual(plain(at("asXyz([[1], [2]])")), { x: [1], y: [2] });
});

test("the more points, the smaller and fainter", () => {
  const sizes = [10, 5000, 50000].map((count) => at(`dotOf(${count}, 2)`));
  assert.deepEqual(sizes.map((dot) => dot.size), [6, 4, 3]);
  assert.ok(sizes[2].opacity < sizes[0].opacity);
  assert.ok(at("dotOf(5000, 3).size") < at("dotOf(5000, 2).size"));
});

test("classes are steps of a scale, values run along one", () => {
  const classes = plain(at('scaleOf({ codes: "x", names: ["a", "b"], colours: ["#000000", "#ffffff"] })'));
  assert.deepEqual(classes.colorscale, [[0, "#000000"], [0.5, "#000000"], [0.5, "#ffffff"], [1, "#ffffff"]]);
  assert.deepEqual([classes.cmin, classes.cmax, classes.showscale], [-0.5, 1.5, false]);
  const values = plain(at('scaleOf({ values: "x", title: "std", range: [2, 3] })'));
  assert.deepEqual([values.cmin, values.cmax, values.showscale, values.colorbar.title.text], [2, 3, true, "std"]);
  assert.deepEqual(plain(at("scaleOf({})")), { showscale: false });
});

test("a colour is held as a canvas holds it, blue first", () => {
  assert.equal(at('inkOf("#102030")'), 0x302010);
});

test("inks are those of classes, of values along the scale, or one for all", () => {
  const paint = 'codes: "x", colours: ["#0000ff", "#ff0000"]';
  assert.deepEqual(plain(at(`Array.from(inksOf({ ${paint} }, [1, 0, 1], 3, "#000000"))`)), [0xff, 0xff0000, 0xff]);
  const values = packed(Float32Array.of(0, 1, 9));
  const [low, high, above] = at(`inksOf({ values: "${values}", range: [0, 1] }, null, 3, "#000000")`);
  assert.deepEqual([low, high, above], [at("inkOf(SCALE[0][1])"), at("inkOf(SCALE[4][1])"), at("inkOf(SCALE[4][1])")]);
  assert.deepEqual(plain(at('Array.from(inksOf({}, null, 2, "#010203"))')), [0x030201, 0x030201]);
});

test("colours mix channel by channel", () => {
  assert.equal(at("mixed(0x000000, 0xffffff, 0)"), 0);
  assert.equal(at("mixed(0x000000, 0xffffff, 256)"), 0xffffff);
  assert.equal(at("mixed(0x0000ff, 0xff0000, 128)"), 0x7f007f);
});

test("points move from frame to frame, slowly at both ends", () => {
  assert.deepEqual(plain(at("between([[0, 2]], [[10, 2]], 0)")), [[0, 2]]);
  assert.deepEqual(plain(at("between([[0, 2]], [[10, 2]], 0.5)")), [[5, 2]]);
  assert.ok(at("between([[0]], [[10]], 0.1)[0][0]") < 0.5);
});
