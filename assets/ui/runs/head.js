// include: components/shared/updates
// The run that is looked at. `props.value` is HTML that the server has made and escaped.
const root = element.querySelector(".head");

function draw() {
  root.innerHTML = shown() || "";
}

takeNews(root, draw);
watch("value", draw);
draw();
