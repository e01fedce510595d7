// The weighted vote of the neighbours. `props.value` is {votes: [{label, share, weight, count}], note}.
const root = element.querySelector(".vote");

function make(tag, className, parent, text) {
  const node = document.createElement(tag);
  node.className = className;
  if (text !== undefined) node.textContent = text;
  parent.appendChild(node);
  return node;
}

function draw() {
  const { votes = [], note = "" } = props.value || {};
  root.replaceChildren();
  for (const { label, share, weight, count } of votes) {
    const row = make("div", "vote-row", root);
    row.title = `${count} of the neighbours, weight ${weight.toPrecision(3)}`;
    make("span", "vote-label", row, label);
    const track = make("span", "vote-track", row);
    make("span", "vote-fill", track).style.width = `${share * 100}%`;
    make("span", "vote-figure", row, `${(share * 100).toFixed(1)} %`);
    make("span", "vote-weight", row, weight.toPrecision(3));
  }
  if (note) make("p", "vote-note", root, note);
}

watch("value", draw);
draw();
