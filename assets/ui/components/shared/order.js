// The order of a table's rows.

// What a row is sorted by in one column: a number where it has one, else its text.
function rankOf(row, key) {
  return row.sort && row.sort[key] !== undefined ? row.sort[key] : row.cells[key] ?? "";
}

// For `sort`: rows by the column `key`, `down` for the largest first. What was not measured goes last either way.
function inOrder(a, b, { key, down }) {
  const [x, y] = [rankOf(a, key), rankOf(b, key)];
  const missing = (v) => v === "" || v === null;
  if (missing(x) || missing(y)) return missing(x) - missing(y);
  const sign = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
  return down ? -sign : sign;
}
