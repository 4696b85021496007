// Discord's markdown: text to a tree (parse), tree to elements (render). The tree holds plain values only.
//
// Work is bounded for hostile text: a closing mark is looked for at most once per opening mark, and nesting ends
// at MAX_DEPTH, below which text stays as it is written.

import { h } from "./dom.js";
import { fullTime, styledTime } from "./time.js";

const MAX_DEPTH = 12;
const MARKS = [
  ["**", "strong"],
  ["__", "u"],
  ["~~", "s"],
  ["||", "spoiler"],
  ["*", "em"],
  ["_", "em"],
];
const TOKENS = [
  [/<@!?(\d{1,20})>/y, (m) => ({ type: "user", id: m[1] })],
  [/<@&(\d{1,20})>/y, (m) => ({ type: "role", id: m[1] })],
  [/<#(\d{1,20})>/y, (m) => ({ type: "channel", id: m[1] })],
  [/<\/([^:<>\n]{1,100}):(\d{1,20})>/y, (m) => ({ type: "command", name: m[1] })],
  [/<t:(-?\d{1,13})(?::([tTdDfFR]))?>/y, (m) => ({ type: "time", seconds: Number(m[1]), style: m[2] ?? "f" })],
  [/<a?:(\w{2,32}):\d{1,20}>/y, (m) => ({ type: "emoji", name: m[1] })],
  [/<(https?:\/\/[^\s<>]{1,2000})>/y, (m) => ({ type: "link", url: m[1], children: [m[1]] })],
  [/https?:\/\/[^\s<]{0,1999}[^\s<.,:;"')\]!?*_~|]/y, (m) => ({ type: "link", url: m[0], children: [m[0]] })],
  [/@(everyone|here)\b/y, (m) => ({ type: "all", name: m[1] })],
];
const MASKED_LINK = /\[([^[\]\n]{1,500})\]\(<?(https?:\/\/[^\s()<>]{1,2000})>?\)/y;
const TOKEN_STARTS = new Set(["<", "h", "@"]);

/** The blocks of a text: code, quote, heading, small, list, and paragraphs of inline nodes. */
export function parse(text) {
  const blocks = [];
  let rest = text;
  while (rest) {
    const open = rest.indexOf("```");
    const close = open < 0 ? -1 : rest.indexOf("```", open + 3);
    if (close < 0 || close === open + 3) break;
    blocks.push(...parseLines(rest.slice(0, open).replace(/\n$/u, "")));
    const code = rest.slice(open + 3, close).replace(/^[\w+#-]{1,20}\n/u, "");
    blocks.push({ type: "pre", text: code.replace(/^\n|\n$/gu, "") });
    rest = rest.slice(close + 3).replace(/^\n/u, "");
  }
  blocks.push(...parseLines(rest));
  return blocks;
}

function parseLines(text) {
  const blocks = [];
  if (!text) return blocks;
  const lines = text.split("\n");
  const inParagraph = [];
  const endParagraph = () => {
    if (inParagraph.length) blocks.push({ type: "p", children: parseInline(inParagraph.splice(0).join("\n")) });
  };
  for (let i = 0; i < lines.length; i += 1) {
    const line = lines[i];
    const heading = /^(#{1,3}|-#) (.*\S.*)$/u.exec(line);
    if (line.startsWith(">>> ")) {
      endParagraph();
      blocks.push({ type: "quote", children: parseInline([line.slice(4), ...lines.slice(i + 1)].join("\n")) });
      return blocks;
    }
    if (line.startsWith("> ")) {
      endParagraph();
      const quoted = [];
      while (i < lines.length && lines[i].startsWith("> ")) quoted.push(lines[i++].slice(2));
      i -= 1;
      blocks.push({ type: "quote", children: parseInline(quoted.join("\n")) });
    } else if (heading) {
      endParagraph();
      const level = heading[1] === "-#" ? "small" : `heading${heading[1].length}`;
      blocks.push({ type: level, children: parseInline(heading[2]) });
    } else if (/^\s*[-*] \S/u.test(line)) {
      endParagraph();
      const items = [];
      while (i < lines.length && /^\s*[-*] \S/u.test(lines[i])) {
        items.push(parseInline(lines[i++].replace(/^\s*[-*] /u, "")));
      }
      i -= 1;
      blocks.push({ type: "list", items });
    } else {
      inParagraph.push(line);
    }
  }
  endParagraph();
  return blocks;
}

/** The inline nodes of a text: strings, and objects with a type. */
export function parseInline(text, depth = 0) {
  if (depth > MAX_DEPTH) return [text];
  const nodes = [];
  const missing = new Set(); // marks that have no closing partner from here on
  let plain = "";
  const push = (node) => {
    if (plain) nodes.push(plain);
    plain = "";
    nodes.push(node);
  };
  let i = 0;
  while (i < text.length) {
    const char = text[i];
    if (char === "\\" && i + 1 < text.length && /[^\p{L}\p{N}\s]/u.test(text[i + 1])) {
      plain += text[i + 1];
      i += 2;
      continue;
    }
    const found =
      (char === "`" && codeAt(text, i)) ||
      (TOKEN_STARTS.has(char) && tokenAt(text, i)) ||
      (char === "[" && maskedLinkAt(text, i, depth)) ||
      markedAt(text, i, depth, missing);
    if (found) {
      push(found.node);
      i = found.end;
    } else {
      plain += char;
      i += 1;
    }
  }
  if (plain) nodes.push(plain);
  return nodes;
}

function codeAt(text, start) {
  let ticks = 1;
  while (text[start + ticks] === "`") ticks += 1;
  if (ticks > 2) return null;
  const close = text.indexOf("`".repeat(ticks), start + ticks);
  if (close <= start + ticks) return null;
  return { node: { type: "code", text: text.slice(start + ticks, close) }, end: close + ticks };
}

function tokenAt(text, start) {
  for (const [pattern, make] of TOKENS) {
    pattern.lastIndex = start;
    const match = pattern.exec(text);
    if (match) return { node: make(match), end: pattern.lastIndex };
  }
  return null;
}

function maskedLinkAt(text, start, depth) {
  MASKED_LINK.lastIndex = start;
  const match = MASKED_LINK.exec(text);
  if (!match) return null;
  const children = parseInline(match[1], depth + 1).filter((node) => node.type !== "link");
  return { node: { type: "link", url: match[2], children }, end: MASKED_LINK.lastIndex };
}

function markedAt(text, start, depth, missing) {
  for (const [mark, type] of MARKS) {
    if (!text.startsWith(mark, start) || missing.has(mark)) continue;
    const from = start + mark.length;
    if (mark.length === 1 && (/\s/u.test(text[from] ?? " ") || (mark === "_" && /\w/u.test(text[start - 1] ?? "")))) continue;
    const close = closing(text, from, mark);
    if (close < 0) {
      missing.add(mark);
      continue;
    }
    if (close === from) continue;
    const children = parseInline(text.slice(from, close), depth + 1);
    return { node: { type, children }, end: close + mark.length };
  }
  return null;
}

function closing(text, from, mark) {
  const single = mark.length === 1;
  let i = from;
  while (i < text.length) {
    if (text[i] === "\\") {
      i += 2;
    } else if (text.startsWith(mark, i)) {
      if (single && text[i + 1] === mark) i += 2;
      else if (mark === "_" && /\w/u.test(text[i + 1] ?? "")) i += 1;
      else if (!single && text[i + 2] === mark[0] && (mark === "**" || mark === "__")) i += 1; // ***both***
      else return i;
    } else {
      i += 1;
    }
  }
  return -1;
}

/** Elements for a whole text. `names` resolves ids: user(id), role(id), channel(id). */
export function renderMarkdown(text, names) {
  return parse(text).map((block) => renderBlock(block, names));
}

/** Elements for one line of text, such as an embed's title. */
export const renderInline = (text, names) => parseInline(text).map((node) => renderNode(node, names));

/** A text without its marks, on one line: for previews. */
export function plainText(text, names) {
  const flat = (nodes) => nodes.map((node) => (typeof node === "string" ? node : flatNode(node))).join("");
  const flatNode = (node) => {
    if (node.type === "spoiler") return "▒▒▒";
    if (node.type === "code") return node.text;
    if (node.children) return flat(node.children);
    const shown = renderNode(node, names);
    return shown.textContent ?? shown;
  };
  const flatBlock = (block) => {
    if (block.type === "pre") return block.text;
    return block.type === "list" ? block.items.map(flat).join(" ") : flat(block.children);
  };
  return parse(text).map(flatBlock).join(" ").replace(/\s+/gu, " ").trim();
}

const BLOCKS = { p: "p", quote: "blockquote", small: "p", heading1: "h4", heading2: "h5", heading3: "h6" };

function renderBlock(block, names) {
  const inside = (nodes) => nodes.map((node) => renderNode(node, names));
  if (block.type === "pre") return h("pre", { tabindex: "0" }, h("code", {}, block.text));
  if (block.type === "list") return h("ul", {}, block.items.map((item) => h("li", {}, inside(item))));
  return h(BLOCKS[block.type], { class: block.type === "small" ? "md-small" : null }, inside(block.children));
}

function renderNode(node, names) {
  if (typeof node === "string") return node;
  const inside = () => node.children.map((child) => renderNode(child, names));
  switch (node.type) {
    case "code":
      return h("code", {}, node.text);
    case "user":
      return h("span", { class: "chip" }, `@${names.user(node.id)?.name ?? "unknown member"}`);
    case "role":
      return h("span", { class: "chip" }, `@${names.role(node.id)?.name ?? "unknown role"}`);
    case "channel":
      return h("span", { class: "chip" }, `#${names.channel(node.id)?.name ?? "unknown channel"}`);
    case "command":
      return h("span", { class: "chip" }, `/${node.name}`);
    case "all":
      return h("span", { class: "chip" }, `@${node.name}`);
    case "emoji":
      return h("span", { class: "custom-emoji" }, `:${node.name}:`);
    case "time":
      return renderTime(node);
    case "link":
      return h("a", { href: node.url, target: "_blank", rel: "noopener noreferrer nofollow" }, inside());
    case "spoiler":
      return renderSpoiler(inside());
    default:
      return h(node.type, {}, inside());
  }
}

function renderTime({ seconds, style }) {
  const shown = styledTime(seconds, style);
  if (shown === null) return `<t:${seconds}:${style}>`;
  const date = new Date(seconds * 1000);
  const props = { class: "chip quiet", datetime: date.toISOString(), title: fullTime(date) };
  return h("time", style === "R" ? { ...props, "data-relative": true } : props, shown);
}

function renderSpoiler(children) {
  const inner = h("span", { class: "spoiler-text", "aria-hidden": "true" }, children);
  const spoiler = h("span", { class: "spoiler", role: "button", tabindex: "0", "aria-label": "Spoiler: press to reveal" }, inner);
  const reveal = (event) => {
    if (event.type === "keydown" && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    for (const name of ["role", "tabindex", "aria-label"]) spoiler.removeAttribute(name);
    inner.removeAttribute("aria-hidden");
    spoiler.classList.add("revealed");
  };
  spoiler.addEventListener("click", reveal, { once: true });
  spoiler.addEventListener("keydown", reveal);
  return spoiler;
}
