// Buttons and selects under a message, and what a select offers.

import { h, freshId } from "./dom.js";

const ROW = 1;
const BUTTON = 2;
const STRING_SELECT = 3;
const USER_SELECT = 5;
const ROLE_SELECT = 6;
const MENTIONABLE_SELECT = 7;
const CHANNEL_SELECT = 8;
const BUTTON_STYLES = { 1: "primary", 2: "secondary", 3: "success", 4: "danger", 5: "link" };

const emojiText = (emoji) => (emoji ? (emoji.id ? `:${emoji.name}:` : emoji.name) : "");

/** The rows of a message. `press(customId, values)` acts; `busy(customId)` tells what is waiting for the bot. */
export function renderComponents(rows, { press, busy, guild }) {
  return rows
    .filter((row) => row.type === ROW)
    .map((row) => h("div", { class: "component-row" }, row.components.map((part) => renderPart(part, { press, busy, guild }))));
}

function renderPart(part, context) {
  if (part.type === BUTTON) return renderButton(part, context);
  const choices = choicesOf(part, context.guild);
  if (choices === null) return null;
  return (part.max_values ?? 1) > 1 ? renderMany(part, choices, context) : renderOne(part, choices, context);
}

function renderButton(part, { press, busy }) {
  const content = [emojiText(part.emoji), part.emoji && part.label && " ", part.label];
  if (part.style === 5) {
    const usable = /^https?:\/\//u.test(part.url ?? "") && !part.disabled;
    const props = usable ? { href: part.url, target: "_blank", rel: "noopener noreferrer nofollow" } : { "aria-disabled": "true" };
    return h("a", { class: "button link", ...props }, content, h("span", { "aria-hidden": "true" }, " ↗"));
  }
  const waiting = busy(part.custom_id);
  return h(
    "button",
    {
      type: "button",
      class: `button ${BUTTON_STYLES[part.style] ?? "secondary"} ${waiting ? "waiting" : ""}`,
      disabled: Boolean(part.disabled),
      "aria-busy": waiting ? "true" : null,
      data: { focus: `button-${part.custom_id}` },
      on: { click: () => waiting || press(part.custom_id, []) },
    },
    content,
  );
}

function choicesOf(part, guild) {
  const users = () => guild.members.map((m) => ({ value: m.id, label: m.name, hint: m.bot ? "bot" : m.kind }));
  const roles = () => guild.roles.map((r) => ({ value: r.id, label: `@${r.name}`, hint: "role" }));
  switch (part.type) {
    case STRING_SELECT:
      return part.options.map((o) => ({
        value: o.value,
        label: [emojiText(o.emoji), o.label].filter(Boolean).join(" "),
        hint: o.description,
        chosen: o.default,
      }));
    case USER_SELECT:
      return users();
    case ROLE_SELECT:
      return roles();
    case MENTIONABLE_SELECT:
      return [...users(), ...roles()];
    case CHANNEL_SELECT:
      return guild.channels
        .filter((c) => !part.channel_types?.length || part.channel_types.includes(c.type))
        .map((c) => ({ value: c.id, label: c.type === 4 ? c.name : `#${c.name}` }));
    default:
      return null;
  }
}

const placeholderOf = (part) => part.placeholder || "Make a selection";

function renderOne(part, choices, { press, busy }) {
  const optional = (part.min_values ?? 1) === 0;
  const select = h(
    "select",
    {
      class: "component-select",
      "aria-label": placeholderOf(part),
      disabled: Boolean(part.disabled) || busy(part.custom_id),
      data: { focus: `select-${part.custom_id}` },
      on: { change: () => press(part.custom_id, select.value ? [select.value] : []) },
    },
    h("option", { value: "", disabled: !optional, selected: true, hidden: !optional }, placeholderOf(part)),
    choices.map(({ value, label, hint, chosen }) =>
      h("option", { value, selected: Boolean(chosen) }, hint ? `${label} — ${hint}` : label),
    ),
  );
  return select;
}

function renderMany(part, choices, { press, busy }) {
  const least = part.min_values ?? 1;
  const most = Math.min(part.max_values, choices.length);
  const chosen = new Set(choices.filter((choice) => choice.chosen).map((choice) => choice.value));
  const locked = Boolean(part.disabled) || busy(part.custom_id);
  const note = least === most ? `Choose ${most}` : `Choose ${least} to ${most}`;
  const apply = h("button", {
    type: "button", class: "button secondary small", disabled: locked || chosen.size < least || chosen.size > most,
    on: { click: () => press(part.custom_id, [...chosen]) },
  }, "Apply");
  const toggle = (value, on) => {
    if (on) chosen.add(value);
    else chosen.delete(value);
    apply.disabled = locked || chosen.size < least || chosen.size > most;
  };
  return h(
    "fieldset",
    { class: "component-many", disabled: locked },
    h("legend", {}, placeholderOf(part)),
    choices.map(({ value, label, hint }) => {
      const id = freshId("choice");
      const box = h("input", { type: "checkbox", id, checked: chosen.has(value), on: { change: () => toggle(value, box.checked) } });
      return h("div", { class: "check" }, box, h("label", { for: id }, label, hint && h("span", { class: "hint" }, ` — ${hint}`)));
    }),
    h("div", { class: "many-foot" }, h("span", { class: "hint" }, note), apply),
  );
}
