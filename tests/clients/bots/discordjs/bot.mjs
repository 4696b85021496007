// A discord.js bot that does what its test asks for. discord.js itself is as npm has it.
//
// It finds the sandbox by one address, the REST option `api`; the gateway is the one that REST names.

import { Client, Events, GatewayIntentBits, Partials } from "discord.js";

import { command, answer } from "./probe.mjs";
import { API, TOKEN, order, tell } from "./report.mjs";
import { STEPS } from "./steps.mjs";

const intents = Object.values(GatewayIntentBits).filter((bit) => typeof bit === "number");
const client = new Client({
  intents,
  partials: [Partials.Channel, Partials.Message, Partials.Reaction, Partials.ThreadMember, Partials.User,
    Partials.GuildMember],
  rest: { api: API, version: "10" },
});

client.once(Events.ClientReady, async () => {
  const commands = await client.application.commands.set([command]);
  tell("commands", { names: commands.map((one) => one.name) });
  const guilds = Object.fromEntries(client.guilds.cache.map((guild) => [guild.id, guild.name]));
  tell("ready", { id: client.user.id, guilds });
});
client.on(Events.ShardReady, () => tell("session"));
client.on(Events.ShardResume, () => tell("resumed"));
client.on(Events.Error, (error) => console.error(error));

client.on(Events.MessageCreate, async (message) => {
  tell("message", {
    id: message.id,
    type: message.type,
    content: message.content,
    author: message.author.id,
    channel: message.channelId,
    guild: message.guildId,
  });
  const wanted = order(message.content);
  if (wanted === null || message.author.bot) return;
  const { step, args } = wanted;
  try {
    tell("done", { step, result: (await STEPS[step](client, message, args)) ?? null });
  } catch (error) {
    console.error(error);
    tell("failed", { step, error: String(error) });
  }
});
client.on(Events.MessageUpdate, (_before, message) =>
  tell("edit", { id: message.id, content: message.content, pinned: message.pinned }));
client.on(Events.MessageDelete, (message) => tell("delete", { id: message.id }));
client.on(Events.MessageBulkDelete, (messages) => tell("bulk_delete", { ids: [...messages.keys()].sort() }));
client.on(Events.MessageReactionAdd, (reaction, user) =>
  tell("reaction", { message: reaction.message.id, emoji: reaction.emoji.name, user: user.id }));
client.on(Events.MessageReactionRemove, (reaction, user) =>
  tell("unreaction", { message: reaction.message.id, emoji: reaction.emoji.name, user: user.id }));
client.on(Events.GuildMemberAdd, (member) => tell("member_join", { id: member.id }));
client.on(Events.GuildMemberRemove, (member) => tell("member_leave", { id: member.id }));
client.on(Events.GuildMemberUpdate, (_before, member) =>
  tell("member_update", {
    id: member.id,
    nick: member.nickname,
    timed_out: member.isCommunicationDisabled(),
  }));
client.on(Events.GuildBanAdd, (ban) => tell("ban", { id: ban.user.id, guild: ban.guild.id }));
client.on(Events.GuildBanRemove, (ban) => tell("unban", { id: ban.user.id, guild: ban.guild.id }));
client.on(Events.GuildRoleCreate, (role) => tell("role_create", { id: role.id, name: role.name }));
client.on(Events.GuildRoleUpdate, (_before, role) => tell("role_update", { id: role.id, name: role.name }));
client.on(Events.GuildRoleDelete, (role) => tell("role_delete", { id: role.id }));
client.on(Events.ChannelCreate, (channel) => tell("channel_create", { id: channel.id, name: channel.name }));
client.on(Events.ChannelUpdate, (_before, channel) =>
  tell("channel_update", { id: channel.id, name: channel.name }));
// A thread that the bot deletes itself is told of by discord.js as a channel.
client.on(Events.ChannelDelete, (channel) =>
  tell(channel.isThread() ? "thread_delete" : "channel_delete", { id: channel.id }));
client.on(Events.ThreadCreate, (thread) => tell("thread_create", { id: thread.id, name: thread.name }));
client.on(Events.ThreadUpdate, (_before, thread) => tell("thread_update", { id: thread.id }));
client.on(Events.ThreadDelete, (thread) => tell("thread_delete", { id: thread.id }));
client.on(Events.ThreadMembersUpdate, (added, _removed, thread) =>
  added.forEach((member) => tell("thread_join", { id: thread.id, user: member.id })));
client.on(Events.InviteCreate, (invite) => tell("invite_create", { code: invite.code }));
client.on(Events.InviteDelete, (invite) => tell("invite_delete", { code: invite.code }));
client.on(Events.ChannelPinsUpdate, (channel) => tell("pins", { channel: channel.id }));
client.on(Events.GuildAuditLogEntryCreate, (entry) =>
  tell("audit", { action: entry.action, reason: entry.reason, user: entry.executorId }));
client.on(Events.TypingStart, (typing) => tell("typing", { user: typing.user.id }));
client.on(Events.InteractionCreate, answer);

await client.login(TOKEN);
