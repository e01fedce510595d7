"use strict";
const assert = require("node:assert/strict");
const test = require("node:test");
const { load } = require("./load.js");

const config = '{"components":[{"id":1}],"dependencies":[{"inputs":[1,2],"targets":[[1,"click"]]}]}';
const at = load(["plain-config"], { window: { gradio_config: JSON.parse(config) } });
const ask = (words) => at(`JSON.stringify(${words})`);

test("Svelte finds no plain array in the lists, and their values are what they were", () => {
  for (const name of ["components", "dependencies"]) {
    assert.equal(at(`Object.getPrototypeOf(window.gradio_config.${name}).constructor.name`), "List");
    assert.equal(at(`Array.isArray(window.gradio_config.${name})`), true);
  }
  assert.equal(ask("window.gradio_config"), config);
});

test("an event's inputs are given to it, and are not among what shows how it is going", () => {
  const inputs = "window.gradio_config.dependencies[0].inputs";
  assert.equal(ask(`[...${inputs}]`), "[1,2]");
  assert.equal(ask(`${inputs}.map((id) => 2 * id)`), "[2,4]");
  assert.equal(ask(`[].concat(${inputs})`), "[1,2]");
  assert.equal(at(`${inputs}.includes(1)`), false);
});

test("a page without a config, such as that of a login, is left as it is", () => {
  assert.equal(load(["plain-config"], { window: {} })("window.gradio_config"), undefined);
});
