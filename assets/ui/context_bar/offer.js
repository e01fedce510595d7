// include: components/shared/dom components/shared/updates
// Something newer that may be looked into, {sentence, label, run, checkpoint}, or null. Triggers `select` when it is taken.
const root = element.querySelector(".offer");
const sentence = make("span", "", root);
const button = make("button", "offer-take", root);
button.type = "button";

function draw() {
  const offer = shown();
  root.hidden = !offer;
  if (!offer) return;
  sentence.textContent = offer.sentence;
  button.textContent = offer.label;
  button.onclick = () => trigger("select", { run: offer.run, checkpoint: offer.checkpoint });
}

takeNews(root, draw);
draw();
watch("value", draw);
