"use strict";
const assert = require("node:assert/strict");
const test = require("node:test");
const { load } = require("./load.js");

const at = load(["components/shared/folder-zip"], { Blob, TextEncoder });

test("checksums are those of the zip format", () => {
  assert.equal(at("crc32(new Uint8Array([49, 50, 51, 52, 53, 54, 55, 56, 57]))"), 0xcbf43926);
  assert.equal(at("crc32(new Uint8Array([]))"), 0);
});

test("a zip ends in its directory, and what is no image goes in empty", async () => {
  const files = "[{path: 'a/é.PNG', file: new Blob(['12345'])}, {path: 'a/notes.txt', file: new Blob(['secret'])}]";
  const bytes = new Uint8Array(await (await at(`zipped(${files}, ['.png'], () => {})`)).arrayBuffer());
  const text = Buffer.from(bytes).toString("latin1");
  assert.ok(text.includes("12345") && !text.includes("secret"));
  const end = new DataView(bytes.buffer, bytes.length - 22);
  assert.equal(end.getUint32(0, true), 0x06054b50);
  assert.equal(end.getUint16(10, true), 2);
  assert.equal(end.getUint32(12, true) + end.getUint32(16, true), bytes.length - 22);
  assert.equal(new DataView(bytes.buffer).getUint32(end.getUint32(16, true), true), 0x02014b50);
});
