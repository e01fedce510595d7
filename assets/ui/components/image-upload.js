// include: components/shared/folder-zip
// Takes images: dropped, chosen, pasted or from the camera. Files go up as they are (nothing is decoded on the way)
// and become the component's value, a list; `props.limit` is the greatest size in bytes of one. `props.kinds` are the
// files taken (image/* unless said), `props.several` lets others than images come in number, and with `props.folders`,
// the suffixes of images, a folder or loose images are taken as one zip; `props.invitation` is
// what it says. A file that is refused is told in place and triggers `clear`, so that no answer about the one before it
// stands under its name; one that the server could not use comes back by refusal.js.
const root = element.querySelector(".image-upload");
root.tabIndex = 0;
root.setAttribute("role", "button");
const input = root.appendChild(document.createElement("input"));
input.type = "file";
input.accept = props.kinds || "image/*";
const images = input.accept === "image/*";
input.multiple = images || props.several;
const text = root.appendChild(document.createElement("p"));
const invitation = props.invitation || "Drop images here, paste one, or click to choose";
root.setAttribute("aria-label", invitation);
text.textContent = invitation;

function tell(sentence) {
  root.classList.add("has-problem");
  text.textContent = sentence;
}

function refuse(sentence) {
  tell(sentence);
  trigger("clear");
}

async function take(files) {
  root.classList.remove("has-problem");
  const sent = [];
  for (const file of files) {
    if (file.size > props.limit) {
      return refuse(`${file.name} is ${(file.size / 2 ** 20).toFixed(0)} MB; the limit is ${props.limit / 2 ** 20} MB.`);
    }
    text.textContent = `Sending ${file.name} …`;
    try {
      const { path, url } = await upload(file);
      sent.push({ path, url, orig_name: file.name, size: file.size, meta: { _type: "gradio.FileData" } });
    } catch (error) {
      return refuse(`${file.name} could not be sent: ${error.message || error}. Try again.`);
    }
  }
  props.value = sent;
  text.textContent = `${sent.length > 1 ? `${sent.length} ${images ? "images" : "files"}` : files[0].name}. Drop${images ? ", paste" : ""} or choose another.`;
  trigger("upload");
}

// Loose files, or those of folders, [{path, file}], as one zip that is called `name`.
async function pack(name, files) {
  root.classList.remove("has-problem");
  const size = files.reduce((sum, { file }) => sum + file.size, 0);
  if (!files.length) return refuse(`${name} is empty.`);
  if (files.length > MOST_FILES || size > props.limit) {
    const much = `${files.length.toLocaleString("en")} files, ${(size / 2 ** 20).toFixed(0)} MB`;
    return refuse(`${name} is too much to send (${much}). Give its path on the dashboard's machine instead.`);
  }
  const zip = await zipped(files, props.folders, (done) => {
    text.textContent = `Packing ${name}: ${done.toLocaleString("en")} of ${files.length.toLocaleString("en")} …`;
  });
  return take([new File([zip], `${name}.zip`)]);
}

// What was dropped or chosen: zips as they are, loose images packed.
function receive(files) {
  const loose = props.folders && files.every((file) => !file.name.toLowerCase().endsWith(".zip"));
  if (!files.length) return;
  if (loose) pack("images", files.map((file) => ({ path: file.name, file })));
  else take(input.multiple ? files : files.slice(0, 1));
}

if (props.folders) {
  const folder = root.parentNode.appendChild(document.createElement("input"));
  Object.assign(folder, { type: "file", webkitdirectory: true, hidden: true, className: "folder-input" });
  folder.addEventListener("change", () => {
    const files = [...folder.files].map((file) => ({ path: file.webkitRelativePath, file }));
    if (files.length) pack(files[0].path.split("/")[0], files.filter(({ path }) => !path.includes("/.")));
    folder.value = "";
  });
  const open = root.parentNode.appendChild(document.createElement("button")); // beside the box, which is a button, too
  Object.assign(open, { type: "button", className: "link-button", textContent: "Choose a folder" });
  open.addEventListener("click", () => folder.click());
}

root.addEventListener("refused", (event) => tell(`${event.detail} ${invitation}.`));
input.addEventListener("change", () => {
  receive([...input.files]);
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
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (props.folders && entries.some((entry) => entry.isDirectory)) {
    filesBelow(entries).then((files) => pack(entries[0].name, files));
  } else receive([...event.dataTransfer.files]);
});
// Only while this component is on screen: pasting elsewhere on the page is somebody else's business.
document.addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files || [])].find((item) => item.type.startsWith("image/"));
  if (images && file && root.offsetParent !== null) take([file]);
});

// The camera, where the browser has one to give: on this machine or over https.
if (images && props.camera && navigator.mediaDevices) {
  const box = root.parentNode.appendChild(document.createElement("div"));
  box.className = "camera";
  const row = box.appendChild(document.createElement("div"));
  row.className = "camera-row";
  const button = (label) => {
    const node = row.appendChild(document.createElement("button"));
    node.type = "button";
    node.className = "link-button";
    node.textContent = label;
    return node;
  };
  const open = button("Use the camera");
  const snap = button("Take a photo");
  snap.hidden = true;
  const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
  let stream = null;
  const close = () => {
    if (stream) stream.getTracks().forEach((track) => track.stop());
    stream = null;
    video.remove();
    snap.hidden = true;
    open.textContent = "Use the camera";
  };
  open.addEventListener("click", async () => {
    if (stream) return close();
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: true });
      video.srcObject = stream;
      box.prepend(video);
      await video.play();
      snap.hidden = false;
      open.textContent = "Close the camera";
    } catch (error) {
      root.classList.add("has-problem");
      text.textContent = `The camera cannot be used: ${error.message || error}.`;
    }
  });
  snap.addEventListener("click", () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.toBlob((blob) => take([new File([blob], "camera.png", { type: "image/png" })]), "image/png");
    close();
  });
}
