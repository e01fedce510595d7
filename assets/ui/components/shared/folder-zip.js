// A folder as one zip, so that it goes up in one piece with the names of its files. Nothing is compressed: images are.
const MOST_FILES = 65535; // of a zip as it was first defined

// The files below dropped entries (FileSystemEntry), as [{path, file}]; hidden ones are no part of it.
async function filesBelow(entries) {
  const found = [];
  for (const entry of entries) {
    if (entry.name.startsWith(".") || found.length > MOST_FILES) continue;
    if (entry.isFile) {
      const file = await new Promise((done, failed) => entry.file(done, failed));
      found.push({ path: entry.fullPath.replace(/^\//, ""), file });
    } else {
      const reader = entry.createReader();
      for (;;) {
        const some = await new Promise((done, failed) => reader.readEntries(done, failed)); // a hundred at a time
        if (!some.length) break;
        found.push(...(await filesBelow(some)));
      }
    }
  }
  return found;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function crc32(bytes) {
  let crc = ~0;
  for (let i = 0; i < bytes.length; i++) crc = CRC_TABLE[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

// What a zip says of a file, twice: before its bytes, and in the directory at its end (with `offset`).
function zipHeader(name, size, crc, offset = null) {
  const central = offset !== null;
  const header = new DataView(new ArrayBuffer((central ? 46 : 30) + name.length));
  const put16 = (at, value) => header.setUint16(at, value, true);
  const put32 = (at, value) => header.setUint32(at, value, true);
  put32(0, central ? 0x02014b50 : 0x04034b50);
  let at = 4;
  if (central) put16(at, 20), (at += 2);
  put16(at, 20); // version needed
  put16(at + 2, 0x0800); // names are UTF-8
  put16(at + 8, 0x21); // 1 January 1980: the date is nobody's business
  put32(at + 10, crc);
  put32(at + 14, size);
  put32(at + 18, size);
  put16(at + 22, name.length);
  if (central) put32(42, offset);
  new Uint8Array(header.buffer).set(name, header.byteLength - name.length);
  return header.buffer;
}

// `files` as [{path, file}] to a Blob; `progress(done)` is told after each. Files whose names end in none of `suffixes`
// go in empty: the server names them among what is left out.
async function zipped(files, suffixes, progress) {
  const parts = [], directory = [];
  let offset = 0, done = 0;
  for (const { path, file } of files) {
    const name = new TextEncoder().encode(path);
    const image = suffixes.some((suffix) => path.toLowerCase().endsWith(suffix));
    const crc = image ? crc32(new Uint8Array(await file.arrayBuffer())) : 0, size = image ? file.size : 0;
    const header = zipHeader(name, size, crc);
    parts.push(header);
    if (image) parts.push(file);
    directory.push(zipHeader(name, size, crc, offset));
    offset += header.byteLength + size;
    progress((done += 1));
  }
  const length = directory.reduce((sum, one) => sum + one.byteLength, 0);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(8, files.length, true);
  end.setUint16(10, files.length, true);
  end.setUint32(12, length, true);
  end.setUint32(16, offset, true);
  return new Blob([...parts, ...directory, end.buffer], { type: "application/zip" });
}
