// Brings a field into sight and gives it the focus. `props.value` is {id, at}; a field in the closed drawer is there
// once that is open.
const PATIENCE = 3000; // milliseconds until the drawer has drawn its fields

function control(id) {
  return document.getElementById(id)?.querySelector("input, textarea, select, button");
}

function find(id) {
  document.dispatchEvent(new CustomEvent("settings-all"));
  const there = control(id);
  if (!there || there.offsetParent === null) document.querySelector("#form-drawer > button")?.click();
  const until = performance.now() + PATIENCE;
  const look = () => {
    const node = control(id);
    if (node && node.offsetParent !== null) {
      node.scrollIntoView({ block: "center" });
      node.focus({ preventScroll: true });
    } else if (performance.now() < until) requestAnimationFrame(look);
  };
  look();
}

watch("value", () => {
  if (props.value?.id) find(props.value.id);
});
