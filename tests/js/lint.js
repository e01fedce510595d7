// Prints what is wrong in the scripts of the page, a line each: names that nothing declares (a typing error, or a value
// that leaks into every page's globals), names that nothing uses, `var` and `==`. Run with `node --expose-internals`, for
// the parser that Node carries; exit code 3 where it carries none.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const { SCRIPTS, names, included, textOf } = require("./load.js");
let acorn, walk;
try {
  acorn = require("internal/deps/acorn/acorn/dist/acorn");
  walk = require("internal/deps/acorn/acorn-walk/dist/walk");
} catch {
  process.exit(3);
}

// What gradio gives a component's script, and what the browser and plotly give every script.
const GIVEN = ["element", "props", "watch", "trigger", "server", "upload"];
const GLOBAL = new Set([
  ...GIVEN, ...Object.getOwnPropertyNames(globalThis), "undefined", "document", "window", "getComputedStyle", "Plotly",
  "navigator", "requestAnimationFrame", "ResizeObserver", "MutationObserver", "Image",
]);

// The names in a pattern: x, {a, b: [c]}, d = 1, ...rest.
function bound(pattern) {
  switch (pattern?.type) {
    case "Identifier": return [pattern.name];
    case "ObjectPattern": return pattern.properties.flatMap((property) => bound(property.value ?? property));
    case "ArrayPattern": return pattern.elements.flatMap(bound);
    case "AssignmentPattern": return bound(pattern.left);
    case "RestElement": return bound(pattern.argument);
    default: return [];
  }
}

// In {a, b, ...rest} the others may stand there for being left out of the rest.
const leavesOut = (pattern) => pattern?.type === "ObjectPattern" && pattern.properties.at(-1)?.type === "RestElement";

function look(text) {
  const tree = acorn.parse(`"use strict"; (async function () {${text}\n})`, { ecmaVersion: "latest" });
  const [declared, used, written, banned] = [new Set(), new Set(), new Set(), []];
  const declare = (pattern) => {
    for (const name of bound(pattern)) {
      declared.add(name);
      if (leavesOut(pattern) || name.startsWith("_")) used.add(name);
    }
  };
  walk.full(tree, (node) => {
    if (node.type === "VariableDeclarator") declare(node.id);
    if (node.type.includes("Function")) [node.id, ...node.params].forEach(declare);
    if (node.type === "CatchClause") declare(node.param);
    if (node.type === "AssignmentExpression") bound(node.left).forEach((name) => written.add(name));
    if (node.kind === "var") banned.push("var");
    if (node.type === "BinaryExpression" && ["==", "!="].includes(node.operator)) banned.push(node.operator);
  });
  walk.simple(tree, { Identifier: (node) => used.add(node.name) });
  return { declared, used, written, banned };
}

const textAlone = (name) => fs.readFileSync(path.join(SCRIPTS, `${name}.js`), "utf8");
const whole = new Map(names().map((name) => [name, look(textOf(name))])); // with what it includes
const alone = new Map(names().map((name) => [name, look(textAlone(name))]));
const usedAnywhere = new Set([...whole.values()].flatMap(({ used }) => [...used]));

for (const name of names()) {
  const isPart = name.includes("/"); // what it lacks, the scripts that include it bring along
  const { declared, used, written } = whole.get(name);
  for (const missing of isPart ? [] : [...used, ...written]) {
    if (!declared.has(missing) && !GLOBAL.has(missing) && !missing.startsWith("_")) {
      console.log(`${name}: nothing declares ${missing}`);
    }
  }
  for (const idle of alone.get(name).declared) {
    if (!(isPart ? usedAnywhere : used).has(idle)) console.log(`${name}: nothing uses ${idle}`);
  }
  for (const word of alone.get(name).banned) console.log(`${name}: ${word} is not written here`);
  for (const part of included(name)) {
    const others = [name, ...included(name)].filter((other) => other !== part).map((other) => alone.get(other));
    const wanted = [...alone.get(part).declared].some((one) => others.some(({ used: theirs }) => theirs.has(one)));
    if (!wanted) console.log(`${name}: includes ${part} and uses nothing of it`);
  }
}
