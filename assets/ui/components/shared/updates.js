// For a widget that `news.js` gives its values.
let news; // what was given last

// What the widget shows: that, or its component's value as long as nothing came. The value itself is not written to:
// gradio sets it anew when the tab of a widget is first opened, which may be after the news came.
function shown() {
  return news === undefined ? props.value : news;
}

// The answer to the event says that it was taken.
function takeNews(root, draw) {
  root.dataset.takesNews = "";
  root.addEventListener("news", (event) => {
    news = event.detail;
    event.preventDefault();
    draw();
  });
}
