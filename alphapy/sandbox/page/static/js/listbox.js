// A list of suggestions worked from a text field: the field keeps the focus, the arrow keys move the choice.

import { freshId, h } from "./dom.js";

export class Listbox {
  /** `element` has role listbox, `input` role combobox; `onPick(item)`; `render(item)` gives an option's content. */
  constructor(element, input, { onPick, render, onShow = () => {}, onHide = () => {} }) {
    Object.assign(this, { element, input, onPick, render, onShow, onHide });
    this.items = [];
    this.active = -1;
    element.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
  }

  get open() {
    return this.items.length > 0;
  }

  show(items, { note = "", select = true } = {}) {
    this.items = items;
    this.options = items.map((item, index) =>
      h("div", { class: "option", role: "option", id: freshId("option"), "aria-selected": "false",
        on: { click: () => this.onPick(item), mousemove: () => this.#activate(index, false) } }, this.render(item)),
    );
    this.element.replaceChildren(...this.options, ...(note ? [h("p", { class: "list-note" }, note)] : []));
    this.element.hidden = items.length === 0 && !note;
    this.input.setAttribute("aria-expanded", String(this.open));
    this.#activate(select && this.open ? 0 : -1);
    if (!this.element.hidden) this.onShow();
  }

  hide() {
    this.items = [];
    this.active = -1;
    this.element.hidden = true;
    this.element.replaceChildren();
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
    this.onHide();
  }

  /** Handle a key; true when it was meant for the list. */
  key(event) {
    if (!this.open || event.isComposing) return false;
    const last = this.items.length - 1;
    if (event.key === "ArrowDown") this.#activate(this.active >= last ? 0 : this.active + 1);
    else if (event.key === "ArrowUp") this.#activate(this.active <= 0 ? last : this.active - 1);
    else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey && this.active >= 0) this.onPick(this.items[this.active]);
    else if (event.key === "Escape") this.hide();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  #activate(index, scroll = true) {
    this.options[this.active]?.setAttribute("aria-selected", "false");
    this.active = index;
    const option = this.options[index];
    if (!option) {
      this.input.removeAttribute("aria-activedescendant");
      return;
    }
    option.setAttribute("aria-selected", "true");
    this.input.setAttribute("aria-activedescendant", option.id);
    if (scroll) option.scrollIntoView({ block: "nearest" });
  }
}
