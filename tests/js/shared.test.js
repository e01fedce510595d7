"use strict";
const assert = require("node:assert/strict");
const test = require("node:test");
const { load } = require("./load.js");

const at = load(["components/shared/order", "components/shared/square"]);
const sorted = (rows, order) =>
  at(`(${JSON.stringify(rows)}).sort((a, b) => inOrder(a, b, ${JSON.stringify(order)})).map((row) => row.id).join("")`);
const region = (from, to) => Array.from(at(`squareBetween(${JSON.stringify(from)}, ${JSON.stringify(to)})`));

test("rows are sorted by numbers, not by their text, and what is missing goes last either way", () => {
  const rows = [
    { id: "a", cells: { n: "10" }, sort: { n: 10 } },
    { id: "b", cells: { n: "" }, sort: { n: null } },
    { id: "c", cells: { n: "9" }, sort: { n: 9 } },
  ];
  assert.equal(sorted(rows, { key: "n", down: false }), "cab");
  assert.equal(sorted(rows, { key: "n", down: true }), "acb");
});

test("without numbers the text decides, and a cell that is not there is missing", () => {
  const rows = [{ id: "a", cells: { t: "Zebra" } }, { id: "b", cells: {} }, { id: "c", cells: { t: "apple" } }];
  assert.equal(sorted(rows, { key: "t", down: false }), "cab");
});

test("a drag marks a square from where it began, in any direction", () => {
  assert.deepEqual(region([0.25, 0.25], [0.5, 0.375]), [0.25, 0.25, 0.25]);
  assert.deepEqual(region([0.5, 0.5], [0.25, 0.375]), [0.25, 0.25, 0.25]);
});

test("the square stays within the image", () => {
  const [left, top, side] = region([0.75, 0.5], [1, 1]);
  assert.deepEqual([left, top, side], [0.75, 0.5, 0.25]);
});
