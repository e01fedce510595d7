// Loads scripts of the page without a browser.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

const SCRIPTS = path.resolve(__dirname, "../../assets/ui");

// The names of all scripts, such as "table" and "shared/dom".
function names() {
  return fs.readdirSync(SCRIPTS, { recursive: true })
    .filter((file) => file.endsWith(".js"))
    .map((file) => file.slice(0, -3).replaceAll(path.sep, "/"))
    .sort();
}

// What a script includes, by its first line.
function included(name) {
  const first = /^\/\/ include: (.+)\n/.exec(fs.readFileSync(path.join(SCRIPTS, `${name}.js`), "utf8"));
  return first ? first[1].split(" ") : [];
}

// The text of a script after those that it includes, as the page puts them together.
function textOf(name) {
  const own = fs.readFileSync(path.join(SCRIPTS, `${name}.js`), "utf8");
  return [...included(name).map(textOf), own].join("\n");
}

// Runs expressions after the scripts named, in a world without a page but for what `given` holds.
function load(scripts, given = {}) {
  const world = vm.createContext({ atob, ...given });
  for (const name of scripts) vm.runInContext(textOf(name), world, { filename: `${name}.js` });
  return (expression) => vm.runInContext(expression, world);
}

module.exports = { SCRIPTS, names, included, textOf, load };
