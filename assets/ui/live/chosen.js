// The runs that are chosen, the one that is looked at first. Each act gives the list that follows.

// Look at a run. Those ticked beside stay; without any, it takes the place of the one before.
function lookAt(chosen, id) {
  const others = chosen.includes(id) || chosen.length < 2 ? chosen.filter((other) => other !== id) : chosen.slice(1);
  return chosen.length < 2 ? [id] : [id, ...others];
}

// Tick runs or take the ticks away; the one that is looked at stays.
function ticked(chosen, ids, on) {
  const rest = chosen.filter((other, place) => place === 0 || !ids.includes(other));
  return on ? [...rest, ...ids.filter((id) => !rest.includes(id))] : rest;
}
