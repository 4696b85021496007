// The chat history: one keyed list, brought up to date at most once per frame.

import { $, avatar, fill, h } from "./dom.js";
import { renderComponents } from "./components.js";
import { renderAttachment, renderEmbed } from "./embed.js";
import { plainText, renderMarkdown } from "./markdown.js";
import { dayLabel, dayOf, fullTime, shortTime } from "./time.js";

const EPHEMERAL = 64;
const LOADING = 128;
const JOINED = 7;
const REPLY = 19;
const TOGETHER_MS = 5 * 60_000; // messages of one author this close in time share a heading
const NEAR_BOTTOM_PX = 80;

export class MessageList {
  #drawn = new Map(); // message id to { message, joined, element }
  #channelId = null;
  #viewer = null;
  #newest = null;
  #stick = true;
  #scheduled = false;

  constructor(store, actions) {
    this.store = store;
    this.actions = actions;
    this.log = $("log");
    this.list = $("messages");
    store.on("messages interactions state", () => this.#schedule());
    $("to-latest").addEventListener("click", () => this.toBottom());
    this.log.addEventListener("scroll", () => {
      if (this.#atBottom()) $("to-latest").hidden = true;
    });
    this.log.addEventListener("keydown", (event) => this.#walk(event));
    new ResizeObserver(() => this.#stick && this.toBottom()).observe(this.log);
  }

  toBottom() {
    this.log.scrollTop = this.log.scrollHeight;
    this.#stick = true;
    $("to-latest").hidden = true;
  }

  #atBottom() {
    const rest = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight;
    this.#stick = rest < NEAR_BOTTOM_PX;
    return this.#stick;
  }

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // A hidden tab gets no animation frames, and should be up to date when it is looked at again.
    const run = () => {
      this.#scheduled = false;
      this.#draw();
    };
    if (document.hidden) setTimeout(run, 50);
    else requestAnimationFrame(run);
  }

  #draw() {
    const { store } = this;
    const switched = this.#channelId !== store.channelId || this.#viewer !== store.me?.id;
    if (switched) {
      this.#channelId = store.channelId;
      this.#viewer = store.me?.id;
      this.#drawn.clear();
      this.list.replaceChildren();
      this.log.setAttribute("aria-busy", "true"); // a whole channel is not read aloud
    }
    const stick = switched || this.#stick;
    const newest = store.list().at(-1)?.id;
    const before = this.log.scrollHeight - this.log.scrollTop;
    const older = this.#drawMessages();
    this.#drawPending();
    if (switched) requestAnimationFrame(() => this.log.removeAttribute("aria-busy"));
    if (stick) this.toBottom();
    else if (older) this.log.scrollTop = this.log.scrollHeight - before;
    else if (!this.#atBottom() && newest !== this.#newest) $("to-latest").hidden = false;
    this.#newest = newest;
  }

  /** Bring the elements in line with the messages; tells whether older ones came in above. */
  #drawMessages() {
    const messages = this.store.list();
    const first = this.list.querySelector("article")?.dataset.id;
    const next = new Map();
    const elements = [];
    let previous = null;
    for (const message of messages) {
      const newDay = previous === null || dayOf(new Date(previous.timestamp)) !== dayOf(new Date(message.timestamp));
      const joined = !newDay && belongsTogether(previous, message);
      const waiting = this.#waitingOn(message.id);
      const key = JSON.stringify([message, joined, waiting, this.store.editing === message.id]);
      const old = this.#drawn.get(message.id);
      const element = old?.key === key ? old.element : this.#render(message, joined);
      if (old && old.element !== element) swap(old.element, element);
      next.set(message.id, { key, element });
      if (newDay) elements.push(this.#dayLine(message));
      elements.push(element);
      previous = message;
    }
    this.#drawn = next;
    this.#reconcile(elements);
    return messages.length > 0 && first !== undefined && messages[0].id !== first;
  }

  #dayLine(message) {
    const date = new Date(message.timestamp);
    const known = this.list.querySelector(`[data-day="${dayOf(date)}"]`);
    return known ?? h("div", { class: "day-line", data: { day: dayOf(date) } }, h("span", {}, dayLabel(date)));
  }

  #reconcile(elements) {
    const wanted = new Set(elements);
    for (const child of [...this.list.children]) if (!wanted.has(child)) child.remove();
    elements.forEach((element, index) => {
      if (this.list.children[index] !== element) this.list.insertBefore(element, this.list.children[index] ?? null);
    });
  }

  #waitingOn(messageId) {
    return [...this.store.interactions.values()]
      .filter((interaction) => interaction.messageId === messageId)
      .map(({ id, customId, state }) => ({ id, customId, state }));
  }

  #render(message, joined) {
    const { store, actions } = this;
    const mine = message.author.id === store.me.id;
    const author = store.names.user(message.author.id) ?? fromPayload(message.author);
    const ephemeral = Boolean(message.flags & EPHEMERAL);
    const classes = ["message", joined && "joined", mine && "mine", author.bot && "from-bot", ephemeral && "ephemeral"];
    const time = new Date(message.timestamp);
    return h(
      "article",
      {
        class: classes.filter(Boolean).join(" "),
        tabindex: "-1",
        "aria-label": `${author.name}, ${shortTime(time)}`,
        data: { id: message.id, focus: "message" },
      },
      this.#renderOrigin(message),
      avatar(author),
      h(
        "div",
        { class: "message-main" },
        h(
          "header",
          { class: "message-head" },
          h("span", { class: "author", vars: author.colour ? { "--role": author.colour } : {} }, author.name),
          author.bot && h("span", { class: "tag" }, message.webhook_id && !message.application_id ? "Webhook" : "Bot"),
          h("time", { datetime: time.toISOString(), title: fullTime(time) }, shortTime(time)),
        ),
        store.editing === message.id ? this.#editor(message) : this.#renderBody(message),
        ephemeral && this.#ephemeralNote(message),
        this.#renderReactions(message),
      ),
      !ephemeral && this.#toolbar(message, mine, actions),
    );
  }

  #renderOrigin(message) {
    const { names } = this.store;
    const command = message.interaction_metadata?.name ?? message.interaction?.name;
    const person = message.interaction_metadata?.user ?? message.interaction?.user;
    if (command && person) {
      const name = (names.user(person.id) ?? fromPayload(person)).name;
      return h("p", { class: "origin" }, h("b", {}, name), " used ", h("code", {}, `/${command}`));
    }
    if (message.type !== REPLY && !message.message_reference) return null;
    const original = message.referenced_message;
    if (!original) return h("p", { class: "origin" }, "Reply to a deleted message");
    const jump = () => this.#drawn.get(original.id)?.element.scrollIntoView({ block: "center" });
    const author = names.user(original.author.id) ?? fromPayload(original.author);
    return h(
      "p",
      { class: "origin" },
      h("button", { type: "button", class: "origin-jump", "aria-label": `Go to the message of ${author.name}`, on: { click: jump } },
        h("b", {}, author.name), " ", h("span", {}, summary(original, names))),
    );
  }

  #renderBody(message) {
    const { store, actions } = this;
    if (message.flags & LOADING) {
      return h("p", { class: "thinking" }, "thinking", h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i")));
    }
    const waiting = this.#waitingOn(message.id);
    const failed = waiting.find(({ state }) => state === "failed");
    const edited = message.edited_timestamp && h("span", { class: "edited" }, " (edited)");
    return [
      message.type === JOINED && h("p", { class: "system" }, "joined the server."),
      message.content
        ? h("div", { class: "content md" }, renderMarkdown(message.content, store.names), edited)
        : null,
      message.attachments?.map(renderAttachment),
      message.embeds?.map((embed) => renderEmbed(embed, store.names)),
      !message.content && edited,
      message.components?.length > 0 &&
        renderComponents(message.components, {
          press: (customId, values) => actions.press(message, customId, values),
          busy: (customId) => waiting.some((one) => one.customId === customId && one.state !== "failed"),
          guild: store.guild,
        }),
      failed && h("p", { class: "failed", role: "alert" }, "The application did not respond."),
    ];
  }

  #ephemeralNote(message) {
    const dismiss = () => this.actions.dismiss(message);
    return h(
      "p",
      { class: "ephemeral-note" },
      h("span", { "aria-hidden": "true" }, "◌ "),
      "Only you can see this · ",
      h("button", { type: "button", class: "link-button", data: { focus: "dismiss" }, on: { click: dismiss } }, "Dismiss"),
    );
  }

  #renderReactions(message) {
    if (!message.reactions?.length) return null;
    return h(
      "div",
      { class: "reactions" },
      message.reactions.map((reaction) => {
        const shown = reaction.emoji.id ? `:${reaction.emoji.name}:` : reaction.emoji.name;
        const verb = reaction.me ? "take your reaction back" : "react as well";
        return h(
          "button",
          {
            type: "button",
            class: "reaction",
            "aria-pressed": String(Boolean(reaction.me)),
            "aria-label": `${shown}: ${reaction.count}; ${verb}`,
            data: { focus: `reaction-${shown}` },
            on: { click: () => this.actions.react(message, reaction.emoji, !reaction.me) },
          },
          h("span", {}, shown),
          h("span", { class: "count" }, String(reaction.count)),
        );
      }),
    );
  }

  #toolbar(message, mine, actions) {
    const tool = (name, sign, act) =>
      h("button", { type: "button", "aria-label": name, title: name, data: { focus: name }, on: { click: act } }, sign);
    return h(
      "div",
      { class: "toolbar", role: "group", "aria-label": "Message actions" },
      tool("React", "☺", (event) => actions.pickReaction(message, event.currentTarget)),
      tool("Reply", "↩", () => actions.reply(message)),
      mine && tool("Edit", "✎", () => actions.startEdit(message)),
      actions.mayDelete(message) && tool("Delete", "✕", () => actions.remove(message)),
    );
  }

  #editor(message) {
    const box = h("textarea", { class: "edit-box", "aria-label": "Edit the message", maxlength: "2000", rows: "2", value: message.content, data: { focus: "edit" } });
    const save = () => this.actions.saveEdit(message, box.value);
    box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.actions.stopEdit();
      else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        save();
      } else return;
      event.stopPropagation();
    });
    requestAnimationFrame(() => {
      box.focus();
      box.setSelectionRange(box.value.length, box.value.length);
    });
    return h(
      "div",
      { class: "editor" },
      box,
      h("div", { class: "editor-foot" },
        h("button", { type: "button", class: "button primary small", on: { click: save } }, "Save"),
        h("button", { type: "button", class: "button secondary small", on: { click: () => this.actions.stopEdit() } }, "Cancel")),
    );
  }

  #drawPending() {
    const ghosts = [...this.store.interactions.values()].filter((one) => one.label && one.channelId === this.store.channelId);
    fill($("pending"), ghosts.map((ghost) => this.#renderGhost(ghost)));
  }

  #renderGhost({ id, label, state }) {
    const failed = state === "failed";
    return h(
      "div",
      { class: failed ? "ghost failed-ghost" : "ghost" },
      h("p", {}, "You used ", h("code", {}, `/${label}`)),
      failed
        ? h("p", { class: "failed" }, "The application did not respond. ",
            h("button", { type: "button", class: "link-button", data: { focus: id }, on: { click: () => this.store.untrack(id) } }, "Dismiss"))
        : h("p", { class: "hint" }, "Sent. Waiting for the bot…"),
    );
  }

  /** Arrow keys, Home and End move from message to message; Tab then reaches the message's own controls. */
  #walk(event) {
    if (event.target !== this.log && !event.target.matches?.("article.message")) return;
    const all = [...this.list.querySelectorAll("article.message")];
    const at = all.indexOf(event.target);
    const to = { ArrowUp: at < 0 ? all.length - 1 : at - 1, ArrowDown: at + 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    all[Math.max(0, Math.min(to, all.length - 1))]?.focus();
  }
}

const belongsTogether = (previous, message) =>
  previous.author.id === message.author.id &&
  previous.webhook_id === message.webhook_id &&
  (previous.flags & EPHEMERAL) === (message.flags & EPHEMERAL) &&
  !message.message_reference &&
  !message.interaction_metadata &&
  !message.interaction &&
  message.type !== JOINED &&
  new Date(message.timestamp) - new Date(previous.timestamp) < TOGETHER_MS;

const fromPayload = (user) => ({ id: user.id, name: user.global_name || user.username || "unknown", bot: Boolean(user.bot) });

/** One line that stands for a message elsewhere. */
export function summary(message, names) {
  const [embed] = message.embeds ?? [];
  const text = plainText(message.content || embed?.title || embed?.description || "", names);
  if (!text) return message.attachments?.length ? "an attachment" : "a message";
  return text.length > 90 ? `${text.slice(0, 89)}…` : text;
}

/** Put a message's new element in the place of the old one and keep the keyboard focus where it was. */
function swap(old, element) {
  const focus = old.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
  old.replaceWith(element);
  if (focus === "message") element.focus({ preventScroll: true });
  else if (focus !== undefined) element.querySelector(`[data-focus="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
}
