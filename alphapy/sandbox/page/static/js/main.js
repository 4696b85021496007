// The page as a whole: who one speaks as, what is on show, what happens, and what one does about it.
//
// The address holds the choice (#/person/channel), so two tabs can be two people and a reload changes nothing.

import { Api, ApiError, people as loadPeople } from "./api.js";
import { CommandForm } from "./commandform.js";
import { flatten } from "./commands.js";
import { Composer } from "./composer.js";
import { $, h } from "./dom.js";
import { pickEmoji } from "./emoji.js";
import { Feed } from "./feed.js";
import { MessageList, summary } from "./messages.js";
import { confirmDeletion, ModalDialog } from "./modal.js";
import { Sidebar } from "./sidebar.js";
import { Store } from "./store.js";
import { Surroundings } from "./surroundings.js";
import { keepRelativeTimesFresh } from "./time.js";
import { TroublePanel } from "./trouble.js";

const TOAST_MS = 6_000;
const FAILURE_MS = 8_000;
const TYPING_MS = 9_000;
const REREAD_PAUSE_MS = 120;
const RETRY_MS = 3_000;

class Page {
  store = new Store();
  #api = null;
  #feed = null;
  #commands = [];
  #early = new Map(); // news of interactions whose start this page has not been told of yet
  #reread = 0;
  #turn = 0; // grows whenever the page speaks as someone else: answers to older questions are dropped

  constructor() {
    const { store } = this;
    new MessageList(store, this.#messageActions());
    new Sidebar(store, { goTo: (where) => this.goTo(where), openDirect: (other) => this.#openDirect(other) });
    new Surroundings(store, () => this.#loadOlder());
    this.form = new CommandForm(store, {
      run: (command, values) => this.#run(command, values),
      autocomplete: (command, values, name, value) => this.#autocomplete(command, values, name, value),
      onClose: () => this.composer.focus(),
    });
    this.composer = new Composer(store, {
      send: (text) => this.#say(text),
      choose: (command) => this.form.open(command),
      commands: () => this.#commands,
      editLast: () => this.#editLast(),
    });
    this.modal = new ModalDialog(store, {
      submit: (modal, fields) => this.#submit(modal, fields),
      cancel: () => this.composer.focus(),
    });
    new TroublePanel(toast);
    window.addEventListener("hashchange", () => this.#followAddress());
    keepRelativeTimesFresh();
  }

  async start() {
    const ok = await this.#try(async () => {
      const { people } = await loadPeople();
      this.store.people = people;
    });
    if (ok && this.store.people.length) await this.#followAddress();
    else setTimeout(() => this.start(), RETRY_MS);
  }

  goTo({ person = this.store.me?.id, channel = "", guild = "" }) {
    if (guild) this.#guildWish = guild;
    const keep = channel || (guild ? "" : this.store.channelId) || "";
    const address = `#/${person}/${keep}`;
    if (location.hash === address) this.#followAddress();
    else location.hash = address;
  }

  #guildWish = "";

  async #followAddress() {
    const [, personId = "", channelId = ""] = location.hash.split("/");
    const { store } = this;
    const person = store.people.find((one) => one.id === personId) ?? store.people[0];
    if (person.id !== store.me?.id) {
      this.#becomes(person, channelId);
    } else if (channelId !== store.channelId || this.#guildWish) {
      await this.#showChannel(channelId);
    }
  }

  #becomes(person, channelId) {
    const { store } = this;
    this.#turn += 1;
    this.#feed?.close();
    this.#api = new Api(person.id);
    store.messages.clear();
    store.interactions.clear();
    store.unread.clear();
    store.set("people", { me: person, replyTo: null, editing: null, channelId: channelId || store.channelId });
    store.emit("reply");
    this.#feed = new Feed(person.id, {
      onEvent: (event) => this.#happened(event),
      onState: (connected) => this.#connection(connected),
    });
  }

  /** Every (re)connection reads everything anew, so that nothing missed in between stays missing. */
  async #connection(connected) {
    this.store.set("connection", { connected });
    if (!connected) return;
    this.store.interactions.clear();
    this.store.emit("interactions");
    await this.#try(() => this.#readState());
  }

  async #readState() {
    const turn = this.#turn;
    const { store } = this;
    const { guilds, guild, bots } = await this.#api.state(this.#guildWish || store.guild?.id || "");
    if (turn !== this.#turn) return;
    this.#guildWish = "";
    store.set("state", { guilds, guild, bots });
    await this.#showChannel(store.channelId, true);
  }

  async #showChannel(wanted, again = false) {
    const { store } = this;
    if (this.#guildWish) return this.#try(() => this.#readState());
    const readable = (store.guild?.channels ?? []).filter((one) => [0, 1, 5, 10, 11, 12].includes(one.type));
    const channel = readable.find((one) => one.id === wanted) ?? readable[0];
    const id = channel?.id ?? null;
    if (id === null) return store.set("channel", { channelId: null });
    if (id === store.channelId && !again && store.messages.has(id)) return undefined;
    store.unread.delete(id);
    if (id !== store.channelId || !again) {
      store.set("channel", { channelId: id, replyTo: null, editing: null });
      store.emit("reply");
      store.emit("messages");
    }
    history.replaceState(null, "", `#/${store.me.id}/${id}`);
    return this.#try(async () => {
      const turn = this.#turn;
      const [{ messages, more }, { commands }] = await Promise.all([this.#api.messages(id), this.#api.commands(id)]);
      if (turn !== this.#turn) return;
      store.replaceMessages(id, messages, more);
      if (store.channelId === id) this.#takeCommands(commands);
    });
  }

  #takeCommands(commands) {
    this.#commands = flatten(commands);
    this.store.emit("commands");
  }

  async #openDirect(other) {
    await this.#try(async () => {
      const { channel } = await this.#api.direct(other);
      await this.#refresh();
      this.goTo({ channel });
    });
  }

  async #loadOlder() {
    const { store } = this;
    const id = store.channelId;
    await this.#try(async () => {
      const { messages, more } = await this.#api.messages(id, store.list(id)[0]?.id ?? "");
      store.addOlder(id, messages, more);
    });
  }

  #happened(event) {
    const { store } = this;
    switch (event.type) {
      case "message":
        store.upsert(event.message);
        break;
      case "gone":
        store.forget(event.channel_id, event.ids);
        break;
      case "interaction":
        this.#interactionNews(event);
        break;
      case "typing":
        this.#typing(event);
        break;
      case "bots":
        store.set("bots", { bots: event.bots });
        break;
      case "state":
        this.#rereadSoon();
        break;
      case "reload":
        location.reload();
        break;
      default: // a newer sandbox may tell more than this page understands
    }
  }

  /** Guild, role, member and command changes come in bursts; one reading covers a burst. */
  #rereadSoon() {
    clearTimeout(this.#reread);
    this.#reread = setTimeout(() => this.#try(() => this.#refresh()), REREAD_PAUSE_MS);
  }

  async #refresh() {
    const turn = this.#turn;
    const { store } = this;
    const [state, people] = await Promise.all([this.#api.state(store.guild?.id ?? ""), loadPeople()]);
    if (turn !== this.#turn) return;
    store.set("people_changed", { people: people.people });
    store.set("state", { guilds: state.guilds, guild: state.guild, bots: state.bots });
    if (!store.channel) {
      await this.#showChannel(null);
      return;
    }
    const { commands } = await this.#api.commands(store.channelId);
    if (turn === this.#turn) this.#takeCommands(commands);
  }

  #typing({ channel_id: channelId, user_id: userId }) {
    const { store } = this;
    if (userId === store.me?.id) return;
    store.typing.set(channelId, { name: store.names.user(userId)?.name ?? "Someone", until: Date.now() + TYPING_MS });
    store.emit("typing");
    setTimeout(() => store.emit("typing"), TYPING_MS + 50);
  }

  // ---- interactions

  #started(interaction, about) {
    this.store.track(interaction.id, { state: "waiting", channelId: this.store.channelId, ...about });
    const early = this.#early.get(interaction.id);
    this.#early.delete(interaction.id);
    if (early) this.#interactionNews(early);
    else if (interaction.state !== "waiting") this.#interactionNews(interaction);
  }

  #interactionNews(news) {
    const { store } = this;
    const known = store.interactions.get(news.id);
    if (!known) {
      this.#early.set(news.id, news); // the answer to the request that started it is still under way, or another tab's
      if (this.#early.size > 50) this.#early.delete(this.#early.keys().next().value);
      return;
    }
    if (news.state === "failed") {
      if (known.modal) {
        store.untrack(news.id);
        this.modal.fail("The application did not respond. What you typed is still here; try again.");
        return;
      }
      store.track(news.id, { state: "failed" });
      if (known.messageId) setTimeout(() => store.untrack(news.id), FAILURE_MS);
    } else if (news.state !== "waiting") {
      store.untrack(news.id);
      if (known.modal && this.modal.interactionId === known.modal) {
        this.modal.close();
        this.composer.focus();
      }
      if (news.state === "modal") this.modal.open({ id: news.id, ...news.modal });
    }
  }

  async #run(command, values) {
    return this.#try(async () => {
      const { interaction } = await this.#api.slash(this.store.channelId, command.path, values);
      this.#started(interaction, { label: command.path });
    });
  }

  async #autocomplete(command, values, name, value) {
    const { choices } = await this.#api.autocomplete(this.store.channelId, command.path, values, name, value);
    return choices.map((choice) => ({ value: String(choice.value), label: choice.name }));
  }

  async #press(message, customId, values) {
    const { store } = this;
    for (const [id, one] of store.interactions) if (one.messageId === message.id && one.state === "failed") store.untrack(id);
    const placeholder = `pressing-${message.id}-${customId}`;
    store.track(placeholder, { messageId: message.id, customId, state: "waiting" });
    await this.#try(async () => {
      const { interaction } = await this.#api.click(message.channel_id, message.id, customId, values);
      this.#started(interaction, { messageId: message.id, customId });
    });
    store.untrack(placeholder);
  }

  async #submit(modal, fields) {
    const ok = await this.#try(async () => {
      const { interaction } = await this.#api.submit(modal.id, fields);
      this.#started(interaction, { modal: modal.id });
    });
    if (!ok) this.modal.fail("It could not be sent.");
  }

  // ---- messages

  async #say(text) {
    const { store } = this;
    const replyTo = store.replyTo?.id ?? null;
    const ok = await this.#try(async () => {
      const { message } = await this.#api.say(store.channelId, text, replyTo);
      store.upsert(message);
    });
    if (ok && replyTo) store.set("reply", { replyTo: null });
    return ok;
  }

  #messageActions() {
    const { store } = this;
    const react = (message, emoji, on) =>
      this.#try(() => this.#api.react(message.channel_id, message.id, emoji.id ? `${emoji.name}:${emoji.id}` : emoji.name, on));
    return {
      press: (message, customId, values) => this.#press(message, customId, values),
      react,
      pickReaction: (message, anchor) => pickEmoji(anchor, (sign) => react(message, { name: sign }, true)),
      reply: (message) => {
        if (this.form.isOpen) this.form.close();
        store.set("reply", { replyTo: message });
      },
      dismiss: (message) => this.#try(async () => {
        await this.#api.remove(message.channel_id, message.id);
        store.forget(message.channel_id, [message.id]);
        this.composer.focus();
      }),
      startEdit: (message) => store.set("messages", { editing: message.id }),
      stopEdit: () => {
        store.set("messages", { editing: null });
        this.composer.focus();
      },
      saveEdit: (message, text) => this.#saveEdit(message, text),
      mayDelete: (message) => message.author.id === store.me?.id || Boolean(store.channel?.can_manage),
      remove: (message) => this.#remove(message),
    };
  }

  async #saveEdit(message, text) {
    if (!text.trim()) {
      await this.#remove(message);
      return;
    }
    if (text === message.content || (await this.#try(() => this.#api.edit(message.channel_id, message.id, text)))) {
      this.store.set("messages", { editing: null });
      this.composer.focus();
    }
  }

  async #remove(message) {
    if (await confirmDeletion(summary(message, this.store.names))) {
      await this.#try(() => this.#api.remove(message.channel_id, message.id));
    }
    this.composer.focus();
  }

  #editLast() {
    const mine = this.store.list().findLast((message) => message.author.id === this.store.me?.id && !message.flags);
    if (mine) this.store.set("messages", { editing: mine.id });
    return Boolean(mine);
  }

  /** Do it; a refusal is shown to the person. Tells whether it went well. */
  async #try(action) {
    try {
      await action();
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      toast(error.message);
      return false;
    }
  }
}

function toast(text) {
  const close = () => element.remove();
  const element = h("div", { class: "toast" }, h("p", {}, text),
    h("button", { type: "button", class: "icon-button small", "aria-label": "Close", on: { click: close } }, "✕"));
  $("toasts").append(element);
  setTimeout(close, TOAST_MS);
}

new Page().start();
