// A checkpoint's name as a person says it: epoch=0010 is epoch 10.
const titleOf = (name) => name.replace(/^epoch=0*(?=\d)/, "epoch ");

// Steps or plays through frames; `show(index)` puts one on the screen.
function playerOf(parent, show) {
  const root = make("div", "map-player", parent);
  const play = make("button", "map-play", root, "Play");
  play.type = "button";
  const slider = make("input", "map-slider", root);
  Object.assign(slider, { type: "range", min: 0, step: 1 });
  slider.setAttribute("aria-label", "Checkpoint");
  const title = make("span", "map-frame", root);
  let [names, current, timer] = [[], 0, null];

  function at(index) {
    current = index;
    slider.value = index;
    title.textContent = titleOf(names[index] || "");
  }

  function go(index) {
    at(index);
    show(index);
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  }

  function frames(given, index) {
    stop();
    names = given;
    root.hidden = names.length < 2;
    slider.max = Math.max(names.length - 1, 0);
    at(index);
  }

  slider.addEventListener("input", () => {
    stop();
    go(Number(slider.value));
  });
  play.addEventListener("click", () => {
    if (timer) return stop();
    if (current + 1 >= names.length) go(0);
    timer = setInterval(() => (current + 1 < names.length ? go(current + 1) : stop()), 1100);
    play.textContent = "Pause";
  });
  return { frames };
}
