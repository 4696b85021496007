// A labelled field with suggestions that may come from the bot or from the guild's own lists.

import { freshId, h, place } from "./dom.js";
import { Listbox } from "./listbox.js";

const TYPING_PAUSE_MS = 180;

/** Rank items by a query: those that begin with it first; at most 25, as Discord shows. */
export function matching(items, query, limit = 25) {
  const wanted = query.trim().toLowerCase().replace(/^[@#]/u, "");
  const ranked = items
    .map((item) => ({ item, at: item.label.toLowerCase().replace(/^[@#]/u, "").indexOf(wanted) }))
    .filter(({ at }) => at >= 0);
  ranked.sort((a, b) => Number(a.at > 0) - Number(b.at > 0));
  return ranked.slice(0, limit).map(({ item }) => item);
}

/**
 * `source(query)` gives `[{ value, label, hint }]`, at once or as a promise. With `strict`, only a picked item
 * counts; otherwise what was typed is the value. Returns `{ element, input, value() }`; value() is "" for none,
 * and undefined for a text that is no item although it must be one.
 */
export function combobox({ id, source, strict, placeholder = "", describedBy, onChange = () => {} }) {
  const listId = freshId("list");
  const input = h("input", {
    id, class: "field-input", type: "text", role: "combobox", autocomplete: "off", placeholder,
    "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": listId, "aria-describedby": describedBy,
  });
  const list = h("div", { id: listId, class: "floating-list", role: "listbox", popover: "manual", "aria-label": "Choices" });
  let picked = null;
  let turn = 0;
  let timer = 0;

  const box = new Listbox(list, input, {
    onPick(item) {
      picked = item;
      input.value = item.label;
      box.hide();
      onChange();
    },
    render: (item) => [h("span", { class: "option-name" }, item.label), item.hint && h("span", { class: "option-hint" }, item.hint)],
    onShow: () => place(list, input, { width: "anchor" }),
    onHide: () => list.matches(":popover-open") && list.hidePopover(),
  });

  async function suggest() {
    const mine = (turn += 1);
    let items = [];
    let note = "";
    try {
      items = await source(picked && picked.label === input.value ? "" : input.value);
      if (items.length === 0) note = "No matching choice";
    } catch (error) {
      note = error.message;
    }
    if (mine !== turn || document.activeElement !== input) return; // a later question has been asked since
    box.show(items, { note, select: strict });
  }

  input.addEventListener("input", () => {
    picked = null;
    clearTimeout(timer);
    timer = setTimeout(suggest, TYPING_PAUSE_MS);
    onChange();
  });
  input.addEventListener("focus", suggest);
  input.addEventListener("click", () => box.open || suggest());
  input.addEventListener("blur", () => {
    turn += 1;
    clearTimeout(timer);
    box.hide();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && !box.open) {
      event.preventDefault();
      suggest();
    } else box.key(event);
  });

  return {
    element: h("div", { class: "combobox" }, input, list),
    input,
    value() {
      if (picked) return picked.value;
      const text = input.value;
      if (!strict || text === "") return text;
      const exact = box.items.find((item) => item.label.toLowerCase() === text.trim().toLowerCase());
      return exact?.value;
    },
  };
}
