// The sandbox's JSON endpoints. Every failure becomes an ApiError whose message can be shown as it is.

export class ApiError extends Error {}

async function call(path, options) {
  let response;
  try {
    response = await fetch(`/page/${path}`, { cache: "no-store", ...options });
  } catch {
    throw new ApiError("The sandbox does not answer. Is it still running?");
  }
  let body;
  try {
    body = await response.json();
  } catch {
    throw new ApiError(`The sandbox answered with something unreadable (${response.status}).`);
  }
  if (!response.ok) throw new ApiError(body.error ?? `The sandbox refused this (${response.status}).`);
  return body;
}

const get = (path, query = {}) => call(`${path}?${new URLSearchParams(query)}`);
const post = (path, body) =>
  call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export const people = () => get("people");

/** What is done to the sandbox itself, by nobody in particular. */
export const operating = {
  trouble: () => get("trouble"),
  make: (fault, code = null) => post("trouble", { fault, code }),
  calm: () => post("calm", {}),
  load: (file) => call("world", { method: "POST", headers: { "Content-Type": "application/json" }, body: file }),
};

/** Everything one member may see and do; made anew when the page speaks as someone else. */
export class Api {
  constructor(userId) {
    this.userId = userId;
  }

  #post(path, body) {
    return post(path, { as: this.userId, ...body });
  }

  state = (guild = "") => get("state", { as: this.userId, guild });
  messages = (channel, before = "") => get("messages", { as: this.userId, channel, before });
  commands = (channel) => get("commands", { as: this.userId, channel });
  say = (channel, content, reply_to = null) => this.#post("say", { channel, content, reply_to });
  edit = (channel, message, content) => this.#post("edit", { channel, message, content });
  remove = (channel, message) => this.#post("delete", { channel, message });
  react = (channel, message, emoji, on) => this.#post("react", { channel, message, emoji, on });
  direct = (other) => this.#post("direct", { with: other });
  slash = (channel, path, options) => this.#post("slash", { channel, path, options });
  autocomplete = (channel, path, options, focused, value) =>
    this.#post("autocomplete", { channel, path, options, focused, value });
  click = (channel, message, custom_id, values = []) =>
    this.#post("click", { channel, message, custom_id, values });
  submit = (interaction, fields) => this.#post("submit", { interaction, fields });
}
