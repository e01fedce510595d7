// The images of a map's points, each asked for once and many at a time. `source(ids)` promises {id: address}; `arrived()` is
// called when there are more.
const GATHER_MS = 60; // in which what is wanted is gathered

function picturesOf(source, arrived) {
  let images = new Map(); // id → its image, or null where there is none (yet)
  let wanted = [];

  async function ask() {
    const [ids, into] = [wanted, images];
    wanted = [];
    const found = await source(ids).catch(() => ({}));
    for (const [id, address] of Object.entries(found)) {
      const image = new Image();
      image.onload = () => {
        into.set(id, image);
        if (into === images) arrived();
      };
      image.src = address;
    }
  }

  function get(id) {
    if (!images.has(id)) {
      images.set(id, null);
      if (!wanted.length) setTimeout(ask, GATHER_MS);
      wanted.push(id);
    }
    return images.get(id);
  }

  const forget = () => {
    images = new Map(); // another run's images may bear the same ids
    wanted = [];
  };
  return { get, forget };
}
