// A small emoji picker in the top layer.

import { $, fill, h, place } from "./dom.js";

const EMOJI = [
  ["👍", "thumbs up"], ["👎", "thumbs down"], ["❤️", "heart"], ["😂", "tears of joy"], ["😮", "surprised"], ["😢", "crying"],
  ["🎉", "party"], ["🔥", "fire"], ["👀", "eyes"], ["✅", "done"], ["❌", "cross"], ["❓", "question"],
  ["🙏", "thanks"], ["💯", "hundred"], ["🚀", "rocket"], ["⭐", "star"], ["💡", "idea"], ["🐛", "bug"],
  ["☕", "coffee"], ["🍰", "cake"], ["🌱", "seedling"], ["🌙", "moon"], ["🏆", "trophy"], ["👋", "wave"],
];
const COLUMNS = 6;

/** Show the picker beside `anchor`; `onPick(emoji)` is called at most once. */
export function pickEmoji(anchor, onPick) {
  const panel = $("floating");
  const close = () => {
    document.removeEventListener("pointerdown", outside, true);
    if (panel.matches(":popover-open")) panel.hidePopover();
    panel.replaceChildren();
  };
  const outside = (event) => panel.contains(event.target) || close();
  const buttons = EMOJI.map(([sign, name]) =>
    h("button", { type: "button", "aria-label": name, title: name, tabindex: "-1",
      on: { click: () => {
        close();
        anchor.isConnected && anchor.focus();
        onPick(sign);
      } } }, sign));
  fill(panel, h("div", { class: "emoji-grid", role: "group", "aria-label": "Choose a reaction" }, buttons));
  panel.onkeydown = (event) => {
    const at = buttons.indexOf(document.activeElement);
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: COLUMNS, ArrowUp: -COLUMNS }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      buttons[(at + step + buttons.length) % buttons.length].focus();
    } else if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      event.stopPropagation();
      close();
      anchor.isConnected && anchor.focus();
    }
  };
  place(panel, anchor);
  document.addEventListener("pointerdown", outside, true);
  buttons[0].tabIndex = 0;
  buttons[0].focus();
}
