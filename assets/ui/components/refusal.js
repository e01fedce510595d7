// Tells an upload box that the server could not use its file. `props.value` is {box, sentence, at}: the `elem_id` of the box,
// and what it is to say.
watch("value", () => {
  const { box, sentence } = props.value || {};
  const taker = box && document.querySelector(`#${box} .image-upload`);
  if (taker) taker.dispatchEvent(new CustomEvent("refused", { detail: sentence }));
});
