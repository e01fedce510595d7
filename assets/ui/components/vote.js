// include: components/shared/dom
// The weighted vote of the neighbours, or how many points each class has. `props.value` is {title, votes: [{label, share,
// count, weight}], of, note}: `of` so many images, of which `count` are of the class; only a vote has weights.
const root = element.querySelector(".vote");

function draw() {
  const { title = "", votes = [], of = 0, note = "" } = props.value || {};
  root.replaceChildren();
  if (votes.length) make("p", "vote-note", root, title);
  for (const { label, share, weight, count } of votes) {
    const row = make("div", "vote-row", root);
    row.title = `${count} of ${of} are of the class ${label}${weight === undefined ? "" : `; together they weigh ${weight.toPrecision(3)}`}`;
    make("span", "vote-label", row, label);
    make("span", "vote-fill", make("span", "vote-track", row)).style.width = `${share * 100}%`;
    make("span", "vote-figure", row, `${(share * 100).toFixed(1)} %`);
    make("span", "vote-count", row, `${count} of ${of}`);
  }
  if (note) make("p", "vote-note", root, note);
}

watch("value", draw);
draw();
