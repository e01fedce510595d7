// include: components/shared/dom
// The weighted vote of the neighbours, or how many points each class has. `props.value` is {votes: [{label, share,
// count, weight}], note}; where there is no weight the count is shown.
const root = element.querySelector(".vote");

function draw() {
  const { votes = [], note = "" } = props.value || {};
  root.replaceChildren();
  for (const { label, share, weight, count } of votes) {
    const row = make("div", "vote-row", root);
    row.title = weight === undefined ? `${count} of the points chosen` : `${count} of the neighbours, weight ${weight.toPrecision(3)}`;
    make("span", "vote-label", row, label);
    make("span", "vote-fill", make("span", "vote-track", row)).style.width = `${share * 100}%`;
    make("span", "vote-figure", row, `${(share * 100).toFixed(1)} %`);
    make("span", "vote-weight", row, weight === undefined ? String(count) : weight.toPrecision(3));
  }
  if (note) make("p", "vote-note", root, note);
}

watch("value", draw);
draw();
