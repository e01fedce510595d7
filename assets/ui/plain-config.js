// gradio's config as instances of classes, which Svelte leaves as they are; it wraps plain arrays and objects, however
// deep, in proxies. For each component gradio searches all of them: a third of the scripts' time while a page opened.
{
  const List = class extends Array {};
  // Once an event was answered, gradio takes its inputs, too, for components that show how events are going: at every
  // step of every later event it copied the values of them all. It asks for that whether these are inputs.
  const Inputs = class extends Array {
    includes() {
      return false;
    }
  };
  const { components, dependencies } = window.gradio_config ?? {};
  for (const list of [components, dependencies]) if (list) Object.setPrototypeOf(list, List.prototype);
  for (const { inputs } of dependencies ?? []) Object.setPrototypeOf(inputs, Inputs.prototype);
}
