// Whether the page begins with Welcome in this browser.
const WELCOME = "simsiam-welcome";

function welcomes() {
  try {
    return window.localStorage.getItem(WELCOME) !== "no";
  } catch {
    return true; // a browser that keeps nothing
  }
}

function welcomeAgain(wanted) {
  try {
    window.localStorage.setItem(WELCOME, wanted ? "yes" : "no");
  } catch {
    // as above
  }
}
