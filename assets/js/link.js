// Keeps the address in step with what the page shows, so that a reload or a copied link opens the same.
// `props.value` is {tab, run}; what is missing or null stays as it is.
function draw() {
  const wanted = props.value || {};
  const address = new URL(window.location.href);
  for (const name of ["tab", "run"]) if (wanted[name]) address.searchParams.set(name, wanted[name]);
  if (address.href !== window.location.href) window.history.replaceState(null, "", address);
}

watch("value", draw);
