// How the bot answers people: slash commands, autocomplete, buttons, menus, a form.

import {
  ActionRowBuilder, ButtonBuilder, ButtonStyle, ChannelType, MessageFlags, ModalBuilder, SlashCommandBuilder,
  StringSelectMenuBuilder, TextInputBuilder, TextInputStyle, UserSelectMenuBuilder,
} from "discord.js";

import { tell } from "./report.mjs";

const WORDS = ["anchor", "beacon", "buoy", "harbour"];
const flags = MessageFlags.Ephemeral;
const titled = (word) => word[0].toUpperCase() + word.slice(1);

export const command = new SlashCommandBuilder().setName("probe").setDescription("What the test asks for")
  .addSubcommand((echo) => echo.setName("echo").setDescription("Say it again")
    .addStringOption((option) => option.setName("text").setDescription("What to say").setRequired(true)
      .setAutocomplete(true))
    .addIntegerOption((option) => option.setName("count").setDescription("How often").setRequired(true)
      .setMinValue(1).setMaxValue(10))
    .addNumberOption((option) => option.setName("ratio").setDescription("How much"))
    .addBooleanOption((option) => option.setName("flag").setDescription("Whether"))
    .addUserOption((option) => option.setName("who").setDescription("Who"))
    .addChannelOption((option) => option.setName("where").setDescription("Where")
      .addChannelTypes(ChannelType.GuildText))
    .addRoleOption((option) => option.setName("role").setDescription("Which role")))
  .addSubcommand((buttons) => buttons.setName("buttons").setDescription("Show buttons"))
  .addSubcommand((form) => form.setName("form").setDescription("Open a form"))
  .addSubcommand((slow) => slow.setName("slow").setDescription("Take one's time"))
  .addSubcommand((silent) => silent.setName("silent").setDescription("Answer nobody"));

const commands = {
  async echo(interaction) {
    const { options } = interaction;
    const text = options.getString("text");
    tell("command", {
      path: `${interaction.commandName} ${options.getSubcommand()}`,
      user: interaction.user.id,
      channel: interaction.channelId,
      text,
      count: options.getInteger("count"),
      ratio: options.getNumber("ratio"),
      flag: options.getBoolean("flag"),
      who: options.getMember("who")?.id ?? null,
      where: options.getChannel("where")?.id ?? null,
      role: options.getRole("role")?.id ?? null,
    });
    await interaction.reply(`echo: ${text}`);
    const shown = await interaction.fetchReply();
    tell("original", { id: shown.id, content: shown.content });
  },
  async buttons(interaction) {
    const press = new ButtonBuilder().setCustomId("press").setLabel("Press").setStyle(ButtonStyle.Primary);
    const pick = new StringSelectMenuBuilder().setCustomId("pick").setPlaceholder("Pick some")
      .setMinValues(1).setMaxValues(2)
      .addOptions(WORDS.map((word) => ({ label: titled(word), value: word })));
    const person = new UserSelectMenuBuilder().setCustomId("person");
    const components = [press, pick, person].map((one) => new ActionRowBuilder().addComponents(one));
    await interaction.reply({ content: "Choose:", components });
  },
  async form(interaction) {
    const name = new TextInputBuilder().setCustomId("name").setLabel("Name").setMaxLength(20)
      .setStyle(TextInputStyle.Short);
    const story = new TextInputBuilder().setCustomId("story").setLabel("Story").setRequired(false)
      .setStyle(TextInputStyle.Paragraph).setValue("once upon a time");
    const rows = [name, story].map((one) => new ActionRowBuilder().addComponents(one));
    await interaction.showModal(
      new ModalBuilder().setCustomId("form").setTitle("A form").addComponents(rows));
  },
  async slow(interaction) {
    await interaction.deferReply();
    await interaction.editReply("done thinking");
    const further = await interaction.followUp("and more");
    const secret = await interaction.followUp({ content: "only for you", flags });
    await interaction.deleteReply(further);
    tell("slow", { further: further.id, secret: secret.id, private: secret.flags.has(flags) });
  },
  async silent(interaction) {
    tell("silent", { user: interaction.user.id });
  },
};

const components = {
  async press(interaction) {
    tell("button", { custom_id: "press", user: interaction.user.id });
    await interaction.update({ content: "pressed", components: [] });
  },
  async pick(interaction) {
    tell("select", { values: interaction.values });
    await interaction.reply({ content: interaction.values.join(" "), flags });
  },
  async person(interaction) {
    tell("person", { values: interaction.values });
    await interaction.deferUpdate();
    await interaction.followUp({ content: "noted", flags });
  },
};

export async function answer(interaction) {
  if (interaction.isChatInputCommand()) {
    await commands[interaction.options.getSubcommand()](interaction);
  } else if (interaction.isAutocomplete()) {
    const current = interaction.options.getFocused();
    tell("autocomplete", { current });
    const fitting = WORDS.filter((word) => word.startsWith(current));
    await interaction.respond(fitting.map((word) => ({ name: titled(word), value: word })));
  } else if (interaction.isMessageComponent()) {
    await components[interaction.customId](interaction);
  } else if (interaction.isModalSubmit()) {
    const [name, story] = ["name", "story"].map((key) => interaction.fields.getTextInputValue(key));
    tell("modal", { name, story });
    await interaction.deferReply({ flags });
    await interaction.editReply(`Thank you, ${name}`);
    await interaction.followUp({ content: "filed", flags });
  }
}
