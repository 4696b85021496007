// Building elements. Data only ever becomes text nodes or attribute values, never markup:
// there is no innerHTML in this page, and its Content-Security-Policy forbids it (Trusted Types).

const asProperty = new Set(["value", "checked", "disabled", "hidden", "selected", "tabIndex", "open"]);

/** An element: `h("p", { class: "x", on: { click } }, "text", child)`. Null and false children are left out. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "vars") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else if (asProperty.has(name)) element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false || child === "") continue;
    if (Array.isArray(child)) append(element, child);
    else element.append(child); // a string becomes a text node
  }
}

export const $ = (id) => document.getElementById(id);

/** Replace what an element holds; the keyboard focus returns to the part with the same data-focus. */
export function fill(element, ...children) {
  const focused = element.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
  element.replaceChildren();
  append(element, children);
  if (focused !== undefined) element.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
}

let counter = 0;
/** An id that no other element has, for labels and lists. */
export const freshId = (prefix) => `${prefix}-${(counter += 1)}`;

/** Show a panel in the top layer next to its anchor, wholly inside the window. */
export function place(panel, anchor, { width = null } = {}) {
  if (!panel.matches(":popover-open")) panel.showPopover();
  const box = anchor.getBoundingClientRect();
  panel.style.width = width === "anchor" ? `${box.width}px` : "";
  panel.style.maxHeight = "";
  const size = panel.getBoundingClientRect();
  const below = window.innerHeight - box.bottom - 12;
  const above = box.top - 12;
  const upwards = size.height > below && above > below;
  panel.style.maxHeight = `${Math.max(120, upwards ? above : below)}px`;
  const height = Math.min(size.height, upwards ? above : below);
  panel.style.top = `${upwards ? box.top - height - 6 : box.bottom + 6}px`;
  panel.style.left = `${Math.max(8, Math.min(box.left, window.innerWidth - size.width - 8))}px`;
}

/** The monogram that stands for someone. */
export function avatar(person, size = "") {
  const words = person.name.replace(/[^\p{L}\p{N} ]/gu, "").trim().split(/\s+/u);
  const letters = words.slice(0, 2).map((word) => [...word][0] ?? "").join("").toUpperCase() || "?";
  return h(
    "span",
    { class: `avatar ${size} ${person.bot ? "is-bot" : ""}`, "aria-hidden": "true", data: { hue: hueOf(person.id) } },
    letters,
  );
}

/** One of eight calm hues, the same for a person every time. */
const hueOf = (id) => String(Number(BigInt.asUintN(64, BigInt(/^\d+$/u.test(id) ? id : 0)) % 8191n) % 8);
