// The bot's modals as a dialog with labelled, validated fields; and the question before something is deleted.

import { $, fill, freshId, h } from "./dom.js";
import { entityItems } from "./commands.js";

const ROW = 1;
const STRING_SELECT = 3;
const TEXT_INPUT = 4;
const TEXT_DISPLAY = 10;
const LABEL = 18;
const PARAGRAPH = 2;
const ENTITY_TYPES = { 5: 6, 6: 8, 7: 9, 8: 7 }; // a select's component type to an option's type

export class ModalDialog {
  #modal = null;
  #fields = [];

  /** `submit(modal, fields)` resolves to whether it was sent; `cancel(modal)` is told when it is put away. */
  constructor(store, { submit, cancel }) {
    Object.assign(this, { store, submit, cancel });
    this.dialog = $("modal");
    this.dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#putAway();
    });
    store.on("people", () => this.#modal && this.close());
  }

  get interactionId() {
    return this.#modal?.id;
  }

  /** `modal` is the bot's, with the `id` of the interaction that it answers. */
  open(modal) {
    this.#modal = modal;
    this.#fields = [];
    const parts = modal.components.map((part) => this.#part(part));
    const form = h(
      "form",
      { novalidate: true, on: { submit: (event) => this.#submit(event) } },
      h("header", { class: "modal-head" },
        h("h2", { id: "modal-title" }, modal.title),
        h("button", { type: "button", class: "icon-button", "aria-label": "Close", on: { click: () => this.#putAway() } }, "✕")),
      h("div", { class: "modal-body" }, parts),
      h("p", { class: "problem modal-problem", role: "alert", id: "modal-problem" }),
      h("footer", { class: "modal-foot" },
        h("button", { type: "button", class: "button secondary", on: { click: () => this.#putAway() } }, "Cancel"),
        h("button", { type: "submit", class: "button primary", id: "modal-submit" }, "Submit")),
    );
    this.dialog.replaceChildren(form);
    if (!this.dialog.open) this.dialog.showModal();
    this.#fields[0]?.input.focus();
  }

  close() {
    this.#modal = null;
    this.dialog.close();
    this.dialog.replaceChildren();
  }

  /** The bot did not take the answers; what was typed stays. */
  fail(text) {
    $("modal-problem").textContent = text;
    const button = $("modal-submit");
    button.disabled = false;
    button.textContent = "Submit";
  }

  #putAway() {
    const modal = this.#modal;
    this.close();
    if (modal) this.cancel(modal);
  }

  #part(part) {
    if (part.type === ROW) return part.components.map((inner) => this.#field(inner, inner.label, ""));
    if (part.type === LABEL) return this.#field(part.component, part.label, part.description ?? "");
    if (part.type === TEXT_DISPLAY) return h("p", {}, part.content);
    return null;
  }

  #field(part, label, description) {
    const id = freshId("modal");
    const control = part.type === TEXT_INPUT ? textInput(part, id) : selectInput(part, id, this.store.guild);
    if (!control) return null;
    const problem = h("p", { class: "problem", id: `${id}-problem`, role: "alert" });
    const count = h("span", { class: "count-note", "aria-hidden": "true" });
    const required = part.required ?? true;
    const showCount = () => {
      if (part.max_length) count.textContent = `${[...control.input.value].length} / ${part.max_length}`;
    };
    control.input.setAttribute("aria-describedby", `${id}-problem`);
    if (required) control.input.setAttribute("aria-required", "true");
    control.input.addEventListener("input", showCount);
    showCount();
    this.#fields.push({
      customId: part.custom_id,
      input: control.input,
      read() {
        const value = control.value();
        const wrong = problemWith(part, value, required);
        problem.textContent = wrong;
        control.input.toggleAttribute("aria-invalid", false);
        if (wrong) control.input.setAttribute("aria-invalid", "true");
        return { value, wrong };
      },
    });
    return h("div", { class: "field" },
      h("label", { for: id }, h("span", { class: "field-name" }, label), required && h("span", { class: "field-required" }, "required"), count),
      description && h("p", { class: "hint" }, description),
      control.element, problem);
  }

  async #submit(event) {
    event.preventDefault();
    const fields = {};
    let wrong = null;
    for (const field of this.#fields) {
      const result = field.read();
      if (result.wrong) wrong ??= field;
      fields[field.customId] = result.value;
    }
    if (wrong) {
      wrong.input.focus();
      return;
    }
    const button = $("modal-submit");
    button.disabled = true;
    button.textContent = "Sending…";
    $("modal-problem").textContent = "";
    await this.submit(this.#modal, fields);
  }
}

function textInput(part, id) {
  const tag = part.style === PARAGRAPH ? "textarea" : "input";
  const input = h(tag, {
    id, class: "field-input", autocomplete: "off", placeholder: part.placeholder, value: part.value ?? "",
    maxlength: part.max_length ?? 4000, rows: tag === "textarea" ? "5" : null, type: tag === "input" ? "text" : null,
  });
  return { element: input, input, value: () => input.value };
}

function selectInput(part, id, guild) {
  const choices =
    part.type === STRING_SELECT
      ? part.options.map((one) => ({ value: one.value, label: one.label, chosen: one.default }))
      : entityItems({ type: ENTITY_TYPES[part.type], channel_types: part.channel_types }, guild);
  if (!choices) return null;
  const many = (part.max_values ?? 1) > 1;
  const input = h("select", { id, class: "field-input", multiple: many },
    !many && h("option", { value: "" }, part.placeholder ?? "Choose…"),
    choices.map((one) => h("option", { value: one.value, selected: Boolean(one.chosen) }, one.label)));
  return { element: input, input, value: () => [...input.selectedOptions].map((one) => one.value).filter(Boolean) };
}

function problemWith(part, value, required) {
  const length = Array.isArray(value) ? value.length : [...value.trim()].length;
  if (length === 0) return required ? "This is required." : "";
  if (part.min_length && length < part.min_length) return `At least ${part.min_length} characters, please; these are ${length}.`;
  return "";
}

/** Ask before something is gone for good; resolves to the answer. */
export function confirmDeletion(text) {
  const dialog = $("confirm");
  return new Promise((resolve) => {
    const done = (answer) => {
      dialog.close();
      resolve(answer);
    };
    fill(
      dialog,
      h("div", { class: "modal-head" }, h("h2", { id: "confirm-title" }, "Delete this message?")),
      h("div", { class: "modal-body" }, h("p", { class: "confirm-text" }, text)),
      h("div", { class: "modal-foot" },
        h("button", { type: "button", class: "button secondary", on: { click: () => done(false) } }, "Keep it"),
        h("button", { type: "button", class: "button danger", on: { click: () => done(true) } }, "Delete")),
    );
    dialog.addEventListener("cancel", () => resolve(false), { once: true });
    dialog.showModal();
  });
}
