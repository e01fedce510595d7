// The square that a drag from one place to another marks, [left, top, side] in shares of the image; it stays within it.
function squareBetween(from, to) {
  const wanted = Math.max(Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]));
  const room = (f, t) => (t >= f ? 1 - f : f);
  const side = Math.min(wanted, room(from[0], to[0]), room(from[1], to[1]));
  return [to[0] >= from[0] ? from[0] : from[0] - side, to[1] >= from[1] ? from[1] : from[1] - side, side];
}
