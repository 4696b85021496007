// Embeds and attachments. Pictures are shown only when the sandbox itself serves them: the page loads nothing from
// elsewhere, so a picture on another host is named instead.

import { h } from "./dom.js";
import { renderInline, renderMarkdown } from "./markdown.js";
import { shortTime, fullTime } from "./time.js";

const webAddress = (text) => /^https?:\/\//u.test(text ?? "");

export function renderEmbed(embed, names) {
  const colour = Number.isInteger(embed.color) ? `#${embed.color.toString(16).padStart(6, "0")}` : null;
  const title = embed.title && renderInline(embed.title, names);
  return h(
    "section",
    { class: "embed", "aria-label": "Embed", vars: colour ? { "--embed": colour } : {} },
    h(
      "div",
      { class: "embed-main" },
      embed.author && h("p", { class: "embed-author" }, maybeLink(embed.author.url, [embed.author.name])),
      title && h("h4", { class: "embed-title" }, maybeLink(embed.url, title)),
      embed.description && h("div", { class: "embed-text md" }, renderMarkdown(embed.description, names)),
      embed.fields?.length > 0 && h("dl", { class: "embed-fields" }, embed.fields.map((field) => renderField(field, names))),
      embed.image && renderPicture(embed.image, "embed-image"),
      renderFooter(embed),
    ),
    embed.thumbnail && renderPicture(embed.thumbnail, "embed-thumbnail"),
  );
}

const maybeLink = (url, children) =>
  webAddress(url) ? h("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow" }, children) : children;

function renderField(field, names) {
  return h(
    "div",
    { class: field.inline ? "embed-field inline" : "embed-field" },
    h("dt", {}, renderInline(field.name, names)),
    h("dd", { class: "md" }, renderMarkdown(field.value, names)),
  );
}

function renderFooter(embed) {
  const date = embed.timestamp ? new Date(embed.timestamp) : null;
  const known = date && !Number.isNaN(date.getTime());
  if (!embed.footer?.text && !known) return null;
  return h(
    "p",
    { class: "embed-footer" },
    embed.footer?.text,
    embed.footer?.text && known && " · ",
    known && h("time", { datetime: date.toISOString(), title: fullTime(date) }, shortTime(date)),
  );
}

function renderPicture({ url, description }, kind) {
  if (!webAddress(url)) return null;
  const address = new URL(url);
  if (address.origin === location.origin) {
    return h("img", { class: kind, src: address.href, alt: description ?? "", loading: "lazy" });
  }
  return h(
    "a",
    { class: `${kind} elsewhere`, href: address.href, target: "_blank", rel: "noopener noreferrer nofollow", title: address.href },
    h("span", { "aria-hidden": "true" }, "🖼"),
    h("span", { class: "elsewhere-host" }, kind === "embed-image" ? `Picture on ${address.host}` : address.host),
  );
}

export function renderAttachment(attachment) {
  const size = attachment.size ? ` (${readableSize(attachment.size)})` : "";
  return h("p", { class: "attachment" }, maybeLink(attachment.url, ["📎 ", attachment.filename ?? "file", size]));
}

function readableSize(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1_048_576 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1_048_576).toFixed(1)} MB`;
}
