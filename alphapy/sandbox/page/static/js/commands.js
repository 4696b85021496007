// What the registered commands look like to a person: flat paths, typed fields, and the checks Discord's client does.

import { h, freshId } from "./dom.js";
import { combobox, matching } from "./combobox.js";

const CHAT_INPUT = 1;
const SUB_COMMAND = 1;
const SUB_COMMAND_GROUP = 2;
export const TYPE = { string: 3, integer: 4, boolean: 5, user: 6, channel: 7, role: 8, mentionable: 9, number: 10, attachment: 11 };
const TYPE_NAMES = {
  3: "text", 4: "whole number", 5: "yes or no", 6: "member", 7: "channel", 8: "role", 9: "member or role", 10: "number",
  11: "file",
};

/** Every runnable command with its full path, such as "cc add", in alphabetical order. */
export function flatten(commands) {
  const found = [];
  for (const command of commands) {
    if ((command.type ?? CHAT_INPUT) !== CHAT_INPUT) continue;
    walk(command, command.name, command, found);
  }
  return found.sort((a, b) => a.path.localeCompare(b.path, "en"));
}

function walk(node, path, command, found) {
  const below = (node.options ?? []).filter((option) => option.type === SUB_COMMAND || option.type === SUB_COMMAND_GROUP);
  if (below.length === 0) {
    found.push({
      path,
      description: node.description,
      options: node.options ?? [],
      application: command.application_name ?? "",
    });
  }
  for (const option of below) walk(option, `${path} ${option.name}`, command, found);
}

/** The commands for what was typed after the slash: those whose path begins with it first, then any that contain it. */
export function search(commands, query) {
  const wanted = query.trim().toLowerCase();
  const rank = ({ path, description }) => {
    if (path.startsWith(wanted)) return 0;
    if (path.includes(wanted)) return 1;
    return description.toLowerCase().includes(wanted) ? 2 : 3;
  };
  return commands
    .map((command) => ({ command, rank: rank(command) }))
    .filter((one) => one.rank < 3)
    .sort((a, b) => a.rank - b.rank)
    .map((one) => one.command);
}

/**
 * One labelled field for an option. Returns `{ name, element, input, read() }`, where read() gives
 * `{ value }` (undefined when left out) or `{ problem }`, in words.
 */
export function optionField(option, { guild, autocomplete, onChange }) {
  const id = freshId("field");
  const control = controlFor(option, { id, guild, autocomplete, onChange });
  const problem = h("p", { class: "problem", id: `${id}-problem`, role: "alert" });
  const element = h(
    "div",
    { class: isLong(option) ? "field wide" : "field", data: { option: option.name } },
    h(
      "label",
      { for: id },
      h("span", { class: "field-name" }, option.name),
      h("span", { class: "field-type" }, TYPE_NAMES[option.type] ?? ""),
      option.required && h("span", { class: "field-required" }, "required"),
    ),
    control.element,
    h("p", { class: "hint", id: `${id}-hint` }, option.description),
    problem,
  );
  control.input.setAttribute("aria-describedby", `${id}-hint ${id}-problem`);
  if (option.required) control.input.setAttribute("aria-required", "true");
  return {
    name: option.name,
    element,
    input: control.input,
    read() {
      const result = check(option, control.value());
      problem.textContent = result.problem ?? "";
      if (result.problem) control.input.setAttribute("aria-invalid", "true");
      else control.input.removeAttribute("aria-invalid");
      return result;
    },
    /** The value as it stands, if it is a good one; for questions to the bot about another option. */
    peek: () => check(option, control.value()).value,
  };
}

const LONG = 300;
const isLong = (option) =>
  option.type === TYPE.string && !option.choices?.length && !option.autocomplete && (option.max_length ?? 6000) > LONG;

function controlFor(option, context) {
  const { id, guild, autocomplete, onChange } = context;
  if (option.choices?.length) {
    return nativeSelect(id, option.choices.map((choice) => [String(choice.value), choice.name]), option.required, onChange);
  }
  if (option.type === TYPE.boolean) return nativeSelect(id, [["true", "Yes"], ["false", "No"]], option.required, onChange);
  if (option.autocomplete) {
    return combobox({ id, strict: false, placeholder: "Type to search", onChange, source: (query) => autocomplete(option, query) });
  }
  const items = entityItems(option, guild);
  if (items) return combobox({ id, strict: true, placeholder: "Choose", onChange, source: (query) => matching(items, query) });
  const numeric = option.type === TYPE.integer || option.type === TYPE.number;
  const input = h("input", {
    id,
    class: "field-input",
    type: "text",
    autocomplete: "off",
    inputmode: numeric ? (option.type === TYPE.integer ? "numeric" : "decimal") : null,
    maxlength: numeric ? null : (option.max_length ?? 6000),
    disabled: option.type === TYPE.attachment,
    on: { input: onChange },
  });
  return { element: input, input, value: () => input.value };
}

function nativeSelect(id, pairs, required, onChange) {
  const input = h(
    "select",
    { id, class: "field-input", on: { change: onChange } },
    h("option", { value: "" }, required ? "Choose…" : "—"),
    pairs.map(([value, label]) => h("option", { value }, label)),
  );
  return { element: input, input, value: () => input.value };
}

/** What a picker for members, roles or channels offers; null for other types. */
export function entityItems({ type, channel_types: channelTypes }, guild) {
  const members = () => guild.members.map((one) => ({ value: one.id, label: `@${one.name}`, hint: one.bot ? "bot" : one.username }));
  const roles = () => guild.roles.map((one) => ({ value: one.id, label: one.name.startsWith("@") ? one.name : `@${one.name}`, hint: "role" }));
  if (type === TYPE.user) return members();
  if (type === TYPE.role) return roles();
  if (type === TYPE.mentionable) return [...members(), ...roles()];
  if (type !== TYPE.channel) return null;
  return guild.channels
    .filter((channel) => channel.type !== 1)
    .filter((channel) => !channelTypes?.length || channelTypes.includes(channel.type))
    .map((channel) => ({ value: channel.id, label: `#${channel.name}`, hint: channel.type === 4 ? "category" : "" }));
}

function check(option, raw) {
  if (raw === undefined) return { problem: "Choose one of the list." };
  const text = raw.trim();
  if (text === "") return option.required ? { problem: "This is required." } : { value: undefined };
  if (option.type === TYPE.boolean) return { value: text === "true" };
  if (option.type === TYPE.integer || option.type === TYPE.number) return checkNumber(option, text);
  if (option.type === TYPE.string && [...text].length < (option.min_length ?? 0)) {
    return { problem: `At least ${option.min_length} characters, please.` };
  }
  return { value: option.choices?.length || option.type !== TYPE.string ? text : raw };
}

function checkNumber(option, text) {
  const value = Number(text);
  const whole = option.type === TYPE.integer;
  if (!Number.isFinite(value) || (whole && !Number.isSafeInteger(value))) {
    return { problem: whole ? "A whole number, please." : "A number, please." };
  }
  if (option.min_value !== undefined && value < option.min_value) return { problem: `At least ${option.min_value}, please.` };
  if (option.max_value !== undefined && value > option.max_value) return { problem: `At most ${option.max_value}, please.` };
  return { value };
}
