// Takes one picture: dropped, chosen or pasted. The file goes up as it is (nothing is decoded on the way) and
// becomes the component's value; `props.limit` is the greatest size in bytes. A file too large is told in place.
const root = element.querySelector(".picture");
root.tabIndex = 0;
root.setAttribute("role", "button");
root.setAttribute("aria-label", "Choose a picture");
const input = root.appendChild(document.createElement("input"));
input.type = "file";
input.accept = "image/*";
const text = root.appendChild(document.createElement("p"));
const invitation = "Drop a picture here, paste one, or click to choose";
text.textContent = invitation;

async function take(file) {
  root.classList.remove("has-problem");
  if (file.size > props.limit) {
    root.classList.add("has-problem");
    text.textContent = `${file.name} is ${(file.size / 2 ** 20).toFixed(0)} MB; the limit is ${props.limit / 2 ** 20} MB.`;
    return;
  }
  text.textContent = `Sending ${file.name} …`;
  try {
    const { path, url } = await upload(file);
    props.value = { path, url, orig_name: file.name, size: file.size, meta: { _type: "gradio.FileData" } };
    text.textContent = `${file.name}. Drop, paste or choose another.`;
    trigger("upload");
  } catch (error) {
    root.classList.add("has-problem");
    text.textContent = `${file.name} could not be sent: ${error.message || error}. Try again.`;
  }
}

input.addEventListener("change", () => {
  if (input.files.length) take(input.files[0]);
  input.value = "";
});
input.addEventListener("click", (event) => event.stopPropagation());
root.addEventListener("click", () => input.click());
root.addEventListener("keydown", (event) => {
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    input.click();
  }
});
for (const name of ["dragenter", "dragover"]) {
  root.addEventListener(name, (event) => {
    event.preventDefault();
    root.classList.add("is-over");
  });
}
for (const name of ["dragleave", "drop"]) root.addEventListener(name, () => root.classList.remove("is-over"));
root.addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
});
// Only while this component is on screen: pasting elsewhere on the page is somebody else's business.
document.addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files || [])].find((item) => item.type.startsWith("image/"));
  if (file && root.offsetParent !== null) take(file);
});
