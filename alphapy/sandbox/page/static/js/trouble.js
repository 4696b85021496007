// The panel of troubles: buttons that make the gateway or REST fail for the bots, and the world as a file.

import { ApiError, operating } from "./api.js";
import { $, fill, h } from "./dom.js";

const LOOK_MS = 1_000;
const WORLD_BYTES = 16 * 1024 * 1024;

export class TroublePanel {
  #timer = 0;
  #drawn = "";
  #built = false;

  /** `report(words)` shows a refusal to the person. */
  constructor(report) {
    this.report = report;
    this.panel = $("trouble");
    this.toggle = $("trouble-toggle");
    this.toggle.addEventListener("click", () => (this.panel.hidden ? this.#open() : this.#close()));
    this.panel.addEventListener("keydown", (event) => event.key === "Escape" && this.#close());
  }

  async #open() {
    const ok = await this.#do(operating.trouble);
    if (!ok) return;
    this.panel.hidden = false;
    this.toggle.setAttribute("aria-expanded", "true");
    $("trouble-title").focus();
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  #close() {
    clearInterval(this.#timer);
    this.panel.hidden = true;
    this.toggle.setAttribute("aria-expanded", "false");
    this.toggle.focus();
  }

  /** A look that fails says nothing: the page already tells that the sandbox is gone. */
  async #look() {
    try {
      this.#news(await operating.trouble());
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  }

  async #do(action) {
    try {
      const found = await action();
      if (!this.#built) this.#build(found);
      this.#news(found);
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.report(error.message);
      return false;
    }
  }

  #build({ gateway, rest, codes }) {
    this.#built = true;
    const button = ({ name, label, hint }) =>
      h("button", { type: "button", class: "button secondary small", title: hint || null, on: { click: () => this.#do(() => operating.make(name)) } }, label);
    const code = h("select", { id: "trouble-code", "aria-label": "Close code" },
      codes.map((one) => h("option", { value: String(one.code), selected: one.code === 4000 }, one.fatal ? `${one.code}, for good` : String(one.code))));
    const close = h("span", { class: "trouble-close" },
      h("button", { type: "button", class: "button secondary small", on: { click: () => this.#do(() => operating.make("close", Number(code.value))) } }, "Close with"),
      code);
    const file = h("input", { type: "file", id: "world-file", accept: ".json,application/json", hidden: true, tabIndex: -1, "aria-label": "A saved world", on: { change: () => this.#load(file) } });
    fill(
      this.panel,
      h("header", { class: "trouble-head" },
        h("div", {},
          h("h2", { id: "trouble-title", tabIndex: -1 }, "Trouble"),
          h("p", { class: "hint" }, "Press something, and watch the bots get over it. Nothing they are told may be lost, or count twice.")),
        h("button", { type: "button", class: "icon-button", "aria-label": "Close the panel", on: { click: () => this.#close() } }, "✕")),
      h("div", { class: "trouble-foot" },
        h("div", { id: "trouble-news", class: "trouble-news", role: "status" }),
        h("button", { type: "button", id: "trouble-calm", class: "button secondary small", hidden: true, on: { click: () => this.#calm() } }, "Call it off")),
      h("div", { class: "trouble-groups" },
        h("div", { class: "trouble-group", role: "group", "aria-label": "The connection" },
          h("h3", {}, "The connection"), h("div", { class: "trouble-buttons" }, gateway.map(button), close)),
        h("div", { class: "trouble-group", role: "group", "aria-label": "The bots’ next request" },
          h("h3", {}, "The bots’ next request"), h("div", { class: "trouble-buttons" }, rest.map(button))),
        h("div", { class: "trouble-group", role: "group", "aria-label": "The world" },
          h("h3", {}, "The world"),
          h("p", { class: "hint" }, "Save everything as a file, and come back to it later."),
          h("div", { class: "trouble-buttons" },
            h("a", { class: "button secondary small", href: "/page/world", download: "sandbox-world.json" }, "Save to a file"),
            h("button", { type: "button", class: "button secondary small", on: { click: () => file.click() } }, "Load a file…"), file))),
    );
  }

  async #calm() {
    await this.#do(operating.calm);
    $("trouble-title").focus(); // the button that had the focus is gone
  }

  #news({ waiting, struck, count }) {
    const drawn = JSON.stringify([waiting, struck, count]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    fill(
      $("trouble-news"),
      waiting.length > 0 && h("p", {}, h("b", {}, "Waits for its moment: "), waiting.join(" · ")),
      struck.length > 0 && h("p", {}, h("b", {}, "Has struck: "), struck.join(" · "), count > struck.length && ` and ${count - struck.length} before`),
      waiting.length + struck.length === 0 && h("p", {}, "All is calm."),
    );
    $("trouble-calm").hidden = waiting.length === 0;
  }

  async #load(input) {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    if (file.size > WORLD_BYTES) {
      this.report(`“${file.name}” is larger than 16 MiB. Nothing has changed.`);
      return;
    }
    try {
      await operating.load(file); // the feed then tells every page to begin anew
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.report(error.message);
    }
  }
}
