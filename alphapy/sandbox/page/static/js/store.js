// What the page knows, as one member sees it. Views subscribe to topics; only main.js and this file change it.

const KEEP = 300; // messages of one channel that stay in memory; older ones are one click away

/** Ids are snowflakes: decimal numbers too large for a double, so a longer one is a newer one. */
export const compareIds = (a, b) => a.length - b.length || (a < b ? -1 : Number(a > b));

/** A channel's name with its sign: # in a guild, @ for direct messages. */
export const channelTitle = (channel) => `${channel.type === 1 ? "@" : "#"}${channel.name}`;

export class Store {
  people = [];
  me = null;
  guilds = [];
  guild = null; // { id, name, roles, channels, members, commands… }
  bots = [];
  channelId = null;
  connected = true;
  messages = new Map(); // channel id to messages in order
  more = new Map(); // channel id to whether older messages exist
  unread = new Set();
  interactions = new Map(); // id to { id, label, state, channelId, messageId }
  typing = new Map(); // channel id to { name, until }
  replyTo = null;
  editing = null;
  #listeners = new Map();

  on(topics, listener) {
    for (const topic of topics.split(" ")) {
      this.#listeners.set(topic, [...(this.#listeners.get(topic) ?? []), listener]);
    }
  }

  emit(topic) {
    for (const listener of this.#listeners.get(topic) ?? []) listener();
  }

  set(topic, values) {
    Object.assign(this, values);
    this.emit(topic);
  }

  /** Names for mentions and pickers. */
  names = {
    user: (id) => this.guild?.members.find((member) => member.id === id) ?? null,
    role: (id) => this.guild?.roles.find((role) => role.id === id) ?? null,
    channel: (id) => this.guild?.channels.find((channel) => channel.id === id) ?? null,
  };

  get channel() {
    return this.names.channel(this.channelId);
  }

  /** The messages of a channel, oldest first. */
  list(channelId = this.channelId) {
    return this.messages.get(channelId) ?? [];
  }

  replaceMessages(channelId, list, more) {
    this.messages.set(channelId, [...list].sort((a, b) => compareIds(a.id, b.id)));
    this.more.set(channelId, more);
    if (channelId === this.channelId) this.emit("messages");
  }

  addOlder(channelId, list, more) {
    const known = new Set(this.list(channelId).map((message) => message.id));
    this.replaceMessages(channelId, [...list.filter((message) => !known.has(message.id)), ...this.list(channelId)], more);
  }

  upsert(message) {
    const list = this.list(message.channel_id);
    const at = list.findIndex((known) => known.id === message.id);
    const next = at < 0 ? [...list, message] : list.with(at, message);
    if (at < 0) next.sort((a, b) => compareIds(a.id, b.id));
    if (next.length > KEEP + 50) {
      next.splice(0, next.length - KEEP);
      this.more.set(message.channel_id, true);
    }
    this.messages.set(message.channel_id, next);
    this.typing.delete(message.channel_id);
    if (message.channel_id === this.channelId) this.emit("messages");
    else if (at < 0 && message.author.id !== this.me?.id) {
      this.unread.add(message.channel_id);
      this.emit("unread");
    }
  }

  forget(channelId, ids) {
    const gone = new Set(ids);
    this.messages.set(channelId, this.list(channelId).filter((message) => !gone.has(message.id)));
    if (gone.has(this.replyTo?.id)) this.set("reply", { replyTo: null });
    if (channelId === this.channelId) this.emit("messages");
  }

  /** An interaction that this page started, or news about it. */
  track(id, changes) {
    this.interactions.set(id, { id, ...this.interactions.get(id), ...changes });
    this.emit("interactions");
  }

  untrack(id) {
    if (this.interactions.delete(id)) this.emit("interactions");
  }
}
