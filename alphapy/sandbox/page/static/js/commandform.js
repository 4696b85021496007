// The form that a chosen slash command becomes: its options as labelled fields.

import { $, fill, h } from "./dom.js";
import { optionField } from "./commands.js";

export class CommandForm {
  #command = null;
  #fields = [];

  /** `run(command, values)` sends it and resolves once it is sent; `autocomplete(command, values, name, value)`. */
  constructor(store, { run, autocomplete, onClose }) {
    Object.assign(this, { store, run, autocomplete, onClose });
    this.form = $("command-form");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
    store.on("channel people", () => this.#command && this.close());
  }

  get isOpen() {
    return this.#command !== null;
  }

  open(command) {
    this.#command = command;
    this.#fields = command.options.map((option) =>
      optionField(option, {
        guild: this.store.guild,
        onChange: () => {},
        autocomplete: (asked, query) => this.autocomplete(command, this.#peek(), asked.name, query),
      }),
    );
    const required = this.#fields.filter((_, index) => command.options[index].required);
    const optional = this.#fields.filter((_, index) => !command.options[index].required);
    fill(
      this.form,
      h(
        "div",
        { class: "command-head" },
        h("h3", { id: "command-title" }, h("code", {}, `/${command.path}`)),
        h("p", {}, command.description),
      ),
      h(
        "div",
        { class: "command-fields" },
        this.#fields.length === 0 && h("p", { class: "hint" }, "This command takes no options."),
        required.length > 0 && h("div", { class: "field-grid" }, required.map((field) => field.element)),
        optional.length > 0 && h("p", { class: "field-divider" }, "Optional"),
        optional.length > 0 && h("div", { class: "field-grid" }, optional.map((field) => field.element)),
      ),
      h(
        "div",
        { class: "command-foot" },
        h("span", { class: "hint keys" }, h("kbd", {}, "Enter"), " runs it, ", h("kbd", {}, "Esc"), " leaves"),
        h("button", { type: "button", class: "button secondary", on: { click: () => this.close() } }, "Cancel"),
        h("button", { type: "submit", class: "button primary", data: { focus: "run" } }, "Run"),
      ),
    );
    $("say-form").hidden = true;
    this.form.hidden = false;
    (this.#fields[0]?.input ?? this.form.querySelector("[type=submit]")).focus();
  }

  close() {
    this.#command = null;
    this.#fields = [];
    this.form.hidden = true;
    this.form.replaceChildren();
    $("say-form").hidden = false;
    this.onClose();
  }

  /** The values as they stand, for a question to the bot about one of them. */
  #peek() {
    const values = {};
    for (const field of this.#fields) {
      const value = field.peek();
      if (value !== undefined) values[field.name] = value;
    }
    return values;
  }

  async #submit() {
    const command = this.#command;
    const values = {};
    let wrong = null;
    for (const field of this.#fields) {
      const { value, problem } = field.read();
      if (problem) wrong ??= field;
      else if (value !== undefined) values[field.name] = value;
    }
    if (wrong) {
      wrong.input.focus();
      return;
    }
    const button = this.form.querySelector("[type=submit]");
    button.disabled = true;
    const sent = await this.run(command, values);
    button.disabled = false;
    if (sent && this.#command === command) this.close();
  }
}
