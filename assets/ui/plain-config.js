// The lists of gradio's config as instances of a class, which Svelte leaves as they are; it wraps plain arrays and
// objects, however deep, in proxies. For each component gradio searches all of them, which took half of what a page
// needs to open.
{
  const List = class extends Array {};
  for (const name of ["components", "dependencies"]) {
    const list = window.gradio_config?.[name];
    if (list) Object.setPrototypeOf(list, List.prototype);
  }
}
