// include: components/shared/updates
// The end of a log. Stays at the bottom while the reader is there, and leaves it alone otherwise.
const root = element.querySelector(".log");
const pre = root.appendChild(document.createElement("pre"));

function draw() {
  const atBottom = pre.scrollHeight - pre.scrollTop - pre.clientHeight < 24;
  pre.textContent = shown() || "";
  if (atBottom) pre.scrollTop = pre.scrollHeight;
}

takeNews(root, draw);
watch("value", draw);
draw();
