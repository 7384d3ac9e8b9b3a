// The photo with a box around each line of text. Texts of signs are hostile: they enter as text nodes, never as markup.
const SVG = "http://www.w3.org/2000/svg";

const element = (name, attributes, parent) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
};

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".boxes");
  const note = document.createElement("div");
  note.className = "note";
  note.hidden = true;
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${data.width} ${data.height}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "The photo with boxes around what is written");
  element("image", { href: data.photo, width: data.width, height: data.height }, svg);
  const tell = (line, shape) => {
    note.replaceChildren();
    const head = document.createElement("b");
    head.textContent = line.text;
    note.append(head);
    for (const said of line.said) {
      const row = document.createElement("div");
      row.textContent = said;
      note.append(row);
    }
    note.hidden = false;
    const frame = root.getBoundingClientRect();
    const box = shape.getBoundingClientRect();
    const left = Math.min(Math.max(box.left - frame.left, 4), Math.max(frame.width - note.offsetWidth - 4, 4));
    const below = box.bottom - frame.top + 6;
    const room = below + note.offsetHeight < frame.height;
    note.style.left = `${left}px`;
    note.style.top = `${room ? below : Math.max(box.top - frame.top - note.offsetHeight - 6, 4)}px`;
  };
  for (const line of data.lines) {
    const points = line.box.map(([x, y]) => `${x * data.width},${y * data.height}`).join(" ");
    const shape = element("polygon", { points, class: line.kind, tabindex: 0 }, svg);
    shape.setAttribute("aria-label", [line.text, ...line.said].join(" — "));
    for (const event of ["pointerenter", "focus", "click"]) shape.addEventListener(event, () => tell(line, shape));
    for (const event of ["pointerleave", "blur"]) shape.addEventListener(event, () => (note.hidden = true));
  }
  root.replaceChildren(svg, note);
}
