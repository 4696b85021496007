// What the bot does when it is told to: each step comes back with what its test looks at.

import {
  AuditLogEvent, AttachmentBuilder, ChannelType, DiscordAPIError, EmbedBuilder, MessageFlags,
  PermissionFlagsBits,
} from "discord.js";

async function members(_client, message, args) {
  const { guild } = message;
  const everybody = await guild.members.fetch({ time: 10_000 });
  const found = await guild.members.fetch({ query: args.query, limit: 5 });
  const named = await guild.members.fetch({ user: args.ids });
  return {
    all: everybody.size,
    query: found.map((member) => member.user.username).sort(),
    by_id: [...named.keys()].sort(),
  };
}

async function chat(client, message, args) {
  const { channel } = message;
  const embed = new EmbedBuilder().setTitle("A title").setDescription("A text").setColor(0x336699)
    .addFields({ name: "one", value: "1", inline: true }).setFooter({ text: "below" });
  await channel.sendTyping();
  const sent = await channel.send({ content: "hello **there**", embeds: [embed], nonce: args.nonce });
  const reply = await message.reply({ content: "an answer", allowedMentions: { repliedUser: false } });
  const quiet = await channel.send({
    content: `<@${message.author.id}>`,
    allowedMentions: { parse: [] },
    flags: MessageFlags.SuppressNotifications,
  });
  const edited = await sent.edit("changed");
  await sent.react("\u{1F44D}");
  const eyes = await sent.react("\u{1F440}");
  await eyes.users.remove(client.user);
  const extra = [];
  for (let number = 0; number < 3; number += 1) extra.push(await channel.send(`extra ${number}`));
  await extra[0].delete();
  await channel.bulkDelete(extra.slice(1));
  const fetched = await channel.messages.fetch({ message: sent.id, force: true });
  const history = await channel.messages.fetch({ limit: 3 });
  const reaction = fetched.reactions.cache.first();
  const fans = await reaction.users.fetch();
  return {
    sent: sent.id,
    reply: reply.id,
    quiet: quiet.id,
    edited: edited.content,
    embed: fetched.embeds[0].title,
    field: fetched.embeds[0].fields[0].value,
    reactions: Object.fromEntries(fetched.reactions.cache.map((one) => [one.emoji.name, one.count])),
    fans: [...fans.keys()],
    history: history.map((one) => one.content),
    deleted: extra.map((one) => one.id),
    reply_to: reply.reference.messageId,
  };
}

async function file(_client, message, args) {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, number) => number));
  const files = [
    new AttachmentBuilder(Buffer.from(args.text), { name: "notes.txt", description: "Some notes" }),
    new AttachmentBuilder(bytes, { name: "bytes.bin" }).setSpoiler(true),
  ];
  const sent = await message.channel.send({ content: "two files", files });
  const attachments = [...sent.attachments.values()];
  const read = await Promise.all(attachments.map(async (one) =>
    Buffer.from(await (await fetch(one.url)).arrayBuffer())));
  const left = await sent.edit({ attachments: [attachments[0]] });
  return {
    id: sent.id,
    names: attachments.map((one) => one.name),
    sizes: attachments.map((one) => one.size),
    description: attachments[0].description,
    text: read[0].toString(),
    intact: bytes.equals(read[1]),
    left: left.attachments.map((one) => one.name),
  };
}

async function pins(_client, message, args) {
  const target = await message.channel.messages.fetch(args.message);
  const listed = async () => (await message.channel.messages.fetchPins()).items.map((pin) => pin.message.id);
  await target.pin();
  const pinned = await listed();
  await target.unpin();
  return { pinned, left: await listed() };
}

async function thread(_client, message, args) {
  const { channel, guild } = message;
  const target = await channel.messages.fetch(args.message);
  const started = await target.startThread({
    name: "about this", autoArchiveDuration: 60, reason: "to discuss",
  });
  const said = await started.send("in the thread");
  await started.members.add(args.user);
  const inside = await started.members.fetch();
  await started.members.remove(args.user);
  await started.edit({ name: "renamed", archived: true, locked: false });
  const archived = await channel.threads.fetchArchived();
  const alone = await channel.threads.create({ name: "alone", type: ChannelType.PublicThread });
  const hidden = await channel.threads.create({
    name: "private", type: ChannelType.PrivateThread, invitable: false,
  });
  const active = await guild.channels.fetchActiveThreads();
  await alone.delete();
  return {
    id: started.id,
    said: said.id,
    members: [...inside.keys()],
    archived: [...archived.threads.keys()],
    alone: alone.id,
    private: hidden.id,
    active: active.threads.map((one) => one.name).sort(),
  };
}

async function roles(_client, message, args) {
  const { guild } = message;
  const role = await guild.roles.create({
    name: "keeper", colors: { primaryColor: 0x112233 }, hoist: true, reason: "a light needs one",
  });
  await role.edit({ name: "lamp keeper", mentionable: true, reason: "a better name" });
  const member = await guild.members.fetch(args.user);
  await member.roles.add(role, "well earned");
  const given = (await guild.members.fetch({ user: args.user, force: true })).roles.cache.has(role.id);
  await member.roles.remove(role, "a shift has an end");
  const spare = await guild.roles.create({ name: "spare" });
  await role.setPosition(spare.position + 1);
  await spare.delete("not needed");
  const fetched = await guild.roles.fetch();
  return {
    id: role.id,
    spare: spare.id,
    given,
    above: fetched.get(role.id).rawPosition,
    names: fetched.map((one) => one.name),
  };
}

async function channels(_client, message, args) {
  const { guild } = message;
  const category = await guild.channels.create({
    name: "harbour", type: ChannelType.GuildCategory, reason: "a place",
  });
  const channel = await guild.channels.create({
    name: "watch", topic: "keep it", parent: category, reason: "a channel",
  });
  await channel.edit({
    name: "night-watch", topic: "all night", rateLimitPerUser: 5, reason: "night falls",
  });
  const member = await guild.members.fetch(args.user);
  await channel.permissionOverwrites.create(member, { SendMessages: false }, { reason: "sleep" });
  const fetched = await guild.channels.fetch(channel.id, { force: true });
  const maySend = fetched.permissionsFor(member).has(PermissionFlagsBits.SendMessages);
  await channel.permissionOverwrites.delete(member, "awake");
  const names = (await guild.channels.fetch()).map((one) => one.name);
  const spare = await guild.channels.create({
    name: "spare", type: ChannelType.GuildVoice, reason: "for a moment",
  });
  await guild.channels.delete(spare, "gone");
  return {
    id: channel.id,
    category: category.id,
    spare: spare.id,
    may_send: maySend,
    names,
    slowmode: fetched.rateLimitPerUser,
  };
}

async function moderate(_client, message, args) {
  const { guild } = message;
  const loud = await guild.members.fetch(args.timeout);
  await loud.setNickname("Quiet one", "a hint");
  await loud.timeout(600_000, "too loud");
  const muted = (await guild.members.fetch({ user: loud.id, force: true })).isCommunicationDisabled();
  await loud.timeout(null, "calm again");
  await guild.bans.create(args.ban, { reason: "ünpleasant & rude", deleteMessageSeconds: 3600 });
  const ban = await guild.bans.fetch({ user: args.ban, force: true });
  const bans = await guild.bans.fetch();
  await guild.bans.remove(args.ban, "forgiven");
  await guild.members.kick(args.kick, "asked for it");
  const many = await guild.bans.bulkCreate(args.crowd, { reason: "a raid" });
  const log = await guild.fetchAuditLogs({ limit: 8 });
  const chosen = await guild.fetchAuditLogs({ limit: 5, type: AuditLogEvent.MemberBanAdd });
  return {
    muted,
    ban_reason: ban.reason,
    bans: [...bans.keys()],
    many: [...many.bannedUsers].sort(),
    log: log.entries.map(({ action, reason, executorId }) => ({ action, reason, user: executorId })),
    chosen: chosen.entries.map((entry) => entry.targetId),
  };
}

async function invites(client, message) {
  const { channel, guild } = message;
  const invite = await channel.createInvite({
    maxAge: 3600, maxUses: 2, unique: true, reason: "for a friend",
  });
  const other = await channel.createInvite({ maxAge: 0, unique: true });
  const fetched = await client.fetchInvite(invite.code);
  const listed = [...(await guild.invites.fetch({ cache: false })).keys()].sort();
  await other.delete("too many");
  const left = [...(await channel.fetchInvites()).keys()];
  return {
    code: invite.code,
    other: other.code,
    guild: fetched.guild.id,
    members: fetched.memberCount,
    max_uses: invite.maxUses,
    listed,
    left,
  };
}

async function direct(client, _message, args) {
  const user = await client.users.fetch(args.user);
  const sent = await user.send("just between us");
  return { channel: sent.channelId, id: sent.id };
}

async function refusals(client, message, args) {
  const { channel, guild } = message;
  const attempts = {
    hidden: () => client.rest.post(`/channels/${args.hidden}/messages`, { body: { content: "x" } }),
    message: () => channel.messages.fetch("1"),
    channel: () => client.channels.fetch("1"),
    user: () => client.users.fetch("1"),
    empty: () => client.rest.post(`/channels/${channel.id}/messages`, { body: { content: "" } }),
    long: () => channel.send("x".repeat(2001)),
    owner: () => guild.members.kick(args.owner),
    invite: () => client.fetchInvite("nothing"),
    ban: () => guild.bans.fetch(args.owner),
    foreign: () => client.rest.patch(`/channels/${channel.id}/messages/${message.id}`, {
      body: { content: "x" },
    }),
  };
  const refused = {};
  for (const [name, attempt] of Object.entries(attempts)) {
    try {
      await attempt();
    } catch (error) {
      if (!(error instanceof DiscordAPIError)) throw error;
      refused[name] = { status: error.status, code: error.code, text: error.message };
    }
  }
  return refused;
}

async function stop(client) {
  await client.destroy();
}

export const STEPS = {
  members, chat, file, pins, thread, roles, channels, moderate, invites, direct, refusals, stop,
};
