// The message box: sending, replying, and the suggestions for / commands, @ mentions and # channels.

import { $, fill, h } from "./dom.js";
import { entityItems, search, TYPE } from "./commands.js";
import { matching } from "./combobox.js";
import { Listbox } from "./listbox.js";
import { summary } from "./messages.js";
import { channelTitle } from "./store.js";

const LINES = 8;

export class Composer {
  #mentions = new Map(); // what the box shows, such as "@Ada", to what is sent, such as "<@1>"
  #list;

  /** `send(text)` resolves to whether it was sent; `choose(command)` opens its form; `commands()` lists them. */
  constructor(store, { send, choose, commands, editLast }) {
    Object.assign(this, { store, send, choose, commands, editLast });
    this.input = $("composer-input");
    this.#list = new Listbox($("suggestions"), this.input, {
      onPick: (item) => this.#pick(item),
      render: (item) => [
        h("span", { class: "option-name" }, item.label),
        item.hint && h("span", { class: "option-hint" }, item.hint),
        item.note && h("span", { class: "option-note" }, item.note),
      ],
    });
    $("say-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    $("slash-button").addEventListener("click", () => {
      this.input.value = "/";
      this.input.focus();
      this.#suggest();
    });
    this.input.addEventListener("input", () => {
      this.#grow();
      this.#suggest();
    });
    this.input.addEventListener("click", () => this.#suggest());
    this.input.addEventListener("blur", () => this.#list.hide());
    this.input.addEventListener("keydown", (event) => this.#key(event));
    store.on("state channel people", () => this.#label());
    store.on("commands", () => this.input.value.startsWith("/") && document.activeElement === this.input && this.#suggest());
    store.on("reply", () => this.#drawReply());
  }

  /** The selection is set as well: after a dialog, Chromium gives the focus back but leaves the caret behind. */
  focus() {
    const { input } = this;
    input.focus();
    input.setSelectionRange(input.value.length, input.value.length);
  }

  clear() {
    this.input.value = "";
    this.#mentions.clear();
    this.#list.hide();
    this.#grow();
  }

  #label() {
    const { channel, me } = this.store;
    if (!channel || !me) return;
    const may = channel.can_send;
    this.input.disabled = !may;
    $("send").disabled = !may;
    this.input.placeholder = may ? `Message ${channelTitle(channel)} as ${me.name}` : `${me.name} cannot write in ${channelTitle(channel)}`;
    this.input.setAttribute("aria-label", this.input.placeholder);
  }

  #drawReply() {
    const message = this.store.replyTo;
    $("reply-bar").hidden = !message;
    if (!message) return;
    const author = this.store.names.user(message.author.id)?.name ?? message.author.username;
    fill(
      $("reply-bar"),
      h("span", { class: "reply-text" }, "Replying to ", h("b", {}, author), " ", h("span", { class: "hint" }, summary(message, this.store.names))),
      h("button", { type: "button", class: "icon-button small", "aria-label": "Do not reply", on: { click: () => this.store.set("reply", { replyTo: null }) } }, "✕"),
    );
    this.input.focus();
  }

  #grow() {
    const { input } = this;
    input.style.height = "auto";
    const line = parseFloat(getComputedStyle(input).lineHeight);
    input.style.height = `${Math.min(input.scrollHeight, line * LINES + 20)}px`;
  }

  #key(event) {
    if (this.#list.key(event)) return;
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.#send();
    } else if (event.key === "Escape" && this.store.replyTo) {
      this.store.set("reply", { replyTo: null });
    } else if (event.key === "ArrowUp" && this.input.value === "") {
      if (this.editLast()) event.preventDefault();
    }
  }

  /** The word that the cursor stands in, if it asks for suggestions. */
  #query() {
    const text = this.input.value.slice(0, this.input.selectionStart);
    if (text.startsWith("/") && !text.includes("\n")) return { kind: "/", word: text.slice(1), start: 0 };
    const match = /(?:^|\s)([@#])([\p{L}\p{N}_-]*)$/u.exec(text);
    return match ? { kind: match[1], word: match[2], start: text.length - match[2].length - 1 } : null;
  }

  #suggest() {
    const query = this.#query();
    if (!query || !this.store.guild) return this.#list.hide();
    if (query.kind === "/") return this.#suggestCommands(query.word);
    const { guild } = this.store;
    const items = entityItems({ type: query.kind === "@" ? TYPE.mentionable : TYPE.channel, channel_types: [0, 5] }, guild);
    return this.#list.show(matching(items, query.word, 8).map((item) => ({ ...item, query })));
  }

  #suggestCommands(word) {
    const all = this.commands();
    const severalBots = new Set(all.map((command) => command.application)).size > 1;
    const found = search(all, word).map((command) => ({
      command,
      label: `/${command.path}`,
      hint: command.description,
      note: severalBots ? command.application : "",
    }));
    const nothing = all.length ? `No command matches “/${word}”.` : "No bot has registered commands yet.";
    this.#list.show(found, { note: found.length ? "" : nothing });
  }

  #pick(item) {
    this.#list.hide();
    if (item.command) {
      this.clear();
      this.choose(item.command);
      return;
    }
    const { query } = item;
    const shown = item.label;
    const sign = query.kind === "#" ? "#" : item.hint === "role" ? "@&" : "@";
    if (!/^@(everyone|here)$/u.test(shown)) this.#mentions.set(shown, `<${sign}${item.value}>`);
    this.input.setRangeText(`${shown} `, query.start, this.input.selectionStart, "end");
    this.input.focus();
  }

  /** What is sent: picked mentions as Discord writes them. The longest names go first ("@Ada Lovelace" before "@Ada"). */
  #outgoing() {
    let text = this.input.value;
    const picked = [...this.#mentions].sort(([a], [b]) => b.length - a.length);
    for (const [shown, sent] of picked) text = text.replaceAll(shown, sent);
    return text.trim();
  }

  async #send() {
    const text = this.#outgoing();
    if (!text || this.input.disabled) return;
    const kept = this.input.value;
    const mentions = new Map(this.#mentions);
    this.clear();
    if (await this.send(text)) return;
    if (this.input.value === "") { // it could not be sent: nothing typed is lost
      this.input.value = kept;
      this.#mentions = mentions;
      this.#grow();
    }
  }
}
