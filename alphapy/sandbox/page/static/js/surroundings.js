// What stands around the history: the channel's heading, the bots' state, notices, who is typing, the beginning.

import { $, fill, h } from "./dom.js";
import { channelTitle } from "./store.js";

export class Surroundings {
  /** `older()` loads what came before the messages on show. */
  constructor(store, older) {
    Object.assign(this, { store, older });
    store.on("state channel people", () => this.#heading());
    store.on("state bots connection", () => this.#bots());
    store.on("messages state", () => this.#start());
    store.on("typing messages channel", () => this.#typing());
  }

  #heading() {
    const { channel, guild, me } = this.store;
    const name = channel ? channelTitle(channel) : "No channel to read here";
    $("channel-name").textContent = name;
    $("channel-topic").textContent = channel?.topic || guild?.name || "";
    document.title = channel && me ? `${name}, as ${me.name} · Alphapy sandbox` : "Alphapy sandbox";
  }

  #bots() {
    const { bots, connected, guild } = this.store;
    const here = bots.filter((bot) => guild?.members.some((member) => member.id === bot.id));
    const status = (bot) =>
      h("span", { class: bot.online ? "bot online" : "bot offline" },
        h("span", { class: "lamp", "aria-hidden": "true" }),
        h("span", { class: "bot-name" }, bot.name), " ", h("span", { class: "bot-word" }, bot.online ? "online" : "offline"));
    fill($("bot-status"), here.map(status));
    const gone = here.filter((bot) => !bot.online).map((bot) => bot.name);
    fill(
      $("notices"),
      !connected && h("p", { class: "notice lost" }, h("b", {}, "Connection to the sandbox lost."), " Trying again…"),
      connected && gone.length > 0 && h("p", { class: "notice" }, h("b", {}, `${gone.join(" and ")} ${gone.length > 1 ? "are" : "is"} not connected.`),
        " You can write meanwhile; commands and buttons get no answer until the bot is back."),
    );
  }

  #start() {
    const { channel, channelId, more, messages, guild } = this.store;
    if (!channel || !messages.has(channelId)) return fill($("log-start"));
    if (more.get(channelId)) {
      const button = h("button", { type: "button", class: "button secondary small", data: { focus: "older" }, on: { click: () => this.older() } }, "Show earlier messages");
      return fill($("log-start"), button);
    }
    return fill(
      $("log-start"),
      h("div", { class: "welcome" },
        h("p", { class: "welcome-title" }, `This is where ${channelTitle(channel)} begins`),
        h("p", {}, `You are in ${guild.name}, a demo guild that exists on this machine only. Write something, or type `, h("kbd", {}, "/"),
          " to see what the bot can do. Under “Speak as” you become another member.")),
    );
  }

  #typing() {
    const { typing, channelId } = this.store;
    const who = typing.get(channelId);
    $("typing").textContent = who && who.until > Date.now() ? `${who.name} is typing…` : "";
  }
}
