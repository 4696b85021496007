// Channels, the people one can speak as, the guild choice; a drawer at phone width.

import { $, avatar, fill, h } from "./dom.js";

const DIRECT = 1;
const CATEGORY = 4;
const READABLE = new Set([0, 1, 5, 10, 11, 12]); // text, direct, announcement, threads
const KINDS = { owner: "Owner", admin: "Administrator", moderator: "Moderator", member: "Member" };

export class Sidebar {
  /** `goTo({ person, channel, guild })` changes what the page shows; `openDirect(id)` opens direct messages. */
  constructor(store, { goTo, openDirect }) {
    Object.assign(this, { store, goTo, openDirect });
    this.narrow = window.matchMedia("(max-width: 820px)");
    $("open-sidebar").addEventListener("click", () => this.#drawer(true));
    $("close-sidebar").addEventListener("click", () => this.#drawer(false));
    $("scrim").addEventListener("click", () => this.#drawer(false));
    $("sidebar").addEventListener("keydown", (event) => event.key === "Escape" && this.narrow.matches && this.#drawer(false));
    this.narrow.addEventListener("change", () => this.#drawer(false, false));
    $("guild-select").addEventListener("change", (event) => goTo({ guild: event.target.value }));
    this.#drawer(false, false);
    store.on("people people_changed", () => this.#drawPeople());
    store.on("state channel unread bots", () => this.#drawChannels());
    store.on("state", () => this.#drawGuilds());
  }

  #drawer(open, moveFocus = true) {
    const hidden = this.narrow.matches && !open;
    $("sidebar").classList.toggle("open", open && this.narrow.matches);
    $("sidebar").inert = hidden;
    $("main").inert = this.narrow.matches && open;
    $("scrim").hidden = !(this.narrow.matches && open);
    $("open-sidebar").setAttribute("aria-expanded", String(open));
    if (moveFocus) (open ? $("close-sidebar") : $("open-sidebar")).focus();
  }

  #drawPeople() {
    const { people, me } = this.store;
    fill(
      $("people"),
      people.map((person) =>
        h(
          "label",
          { class: "person", vars: person.colour ? { "--role": person.colour } : {} },
          h("input", {
            type: "radio",
            name: "person",
            value: person.id,
            checked: person.id === me?.id,
            data: { focus: `person-${person.id}` },
            on: { change: () => this.goTo({ person: person.id }) },
          }),
          avatar(person, "small"),
          h("span", { class: "person-words" },
            h("span", { class: "person-name" }, person.name),
            h("span", { class: "person-kind" }, h("span", { class: "role-dot", "aria-hidden": "true" }), KINDS[person.kind] ?? person.kind)),
        ),
      ),
    );
  }

  #drawChannels() {
    const { guild, channelId, unread } = this.store;
    if (!guild) return;
    const order = (a, b) => a.position - b.position || (a.id.length - b.id.length || (a.id < b.id ? -1 : 1));
    const readable = guild.channels.filter((channel) => READABLE.has(channel.type) && channel.type !== DIRECT).sort(order);
    const direct = guild.channels.filter((channel) => channel.type === DIRECT);
    const categories = guild.channels.filter((channel) => channel.type === CATEGORY).sort(order);
    const group = (parent) => readable.filter((channel) => (channel.parent_id ?? null) === parent);
    const link = (channel) =>
      h("li", {}, h(
        "button",
        {
          type: "button",
          class: "channel",
          "aria-current": channel.id === channelId ? "page" : null,
          data: { focus: `channel-${channel.id}` },
          on: { click: () => this.#choose(channel.id) },
        },
        h("span", { class: "hash", "aria-hidden": "true" }, channel.type === DIRECT ? "@" : "#"),
        h("span", { class: "channel-name" }, channel.name),
        unread.has(channel.id) && h("span", { class: "unread" }, h("span", { class: "sr-only" }, "new messages")),
      ));
    const known = new Set(categories.map((category) => category.id));
    const loose = readable.filter((channel) => !known.has(channel.parent_id));
    fill(
      $("channels"),
      h("ul", {}, loose.map(link)),
      categories.filter((category) => group(category.id).length).map((category) => [
        h("h3", {}, category.name),
        h("ul", {}, group(category.id).map(link)),
      ]),
      this.#unwritten(direct).length + direct.length > 0 && h("h3", {}, "Direct messages"),
      h("ul", {}, direct.map(link), this.#unwritten(direct).map((bot) => h("li", {}, this.#opener(bot)))),
    );
  }

  /** The bots here with whom there are no direct messages yet. */
  #unwritten(direct) {
    const { bots, guild } = this.store;
    const open = new Set(direct.map((channel) => channel.with));
    return bots.filter((bot) => !open.has(bot.id) && guild.members.some((member) => member.id === bot.id));
  }

  #opener(bot) {
    const open = () => {
      if (this.narrow.matches) this.#drawer(false);
      this.openDirect(bot.id);
    };
    return h("button", { type: "button", class: "channel", data: { focus: `direct-${bot.id}` }, on: { click: open } },
      h("span", { class: "hash", "aria-hidden": "true" }, "@"), h("span", { class: "channel-name" }, bot.name));
  }

  #choose(id) {
    if (this.narrow.matches) this.#drawer(false);
    this.goTo({ channel: id });
  }

  #drawGuilds() {
    const { guilds, guild } = this.store;
    $("guild-choice").hidden = guilds.length < 2;
    fill($("guild-select"), guilds.map((one) => h("option", { value: one.id, selected: one.id === guild?.id }, one.name)));
  }
}
