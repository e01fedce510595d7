// The browser's title says how training is going, for one who looks at another tab.
function draw() {
  const title = props.value || "SimSiam";
  if (document.title !== title) document.title = title;
}

watch("value", draw);
draw();
