// Saves a file: when `props.value` becomes {name, type, data (base64), at}, the browser downloads it.
const root = element.querySelector(".download");
watch("value", () => {
  const { name, type, data } = props.value || {};
  if (!name) return;
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const link = root.appendChild(document.createElement("a"));
  link.href = URL.createObjectURL(new Blob([bytes], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  link.remove();
});
