// What a bot under test tells its test, as in ../report.py: one JSON object a line on standard output.

export const API = (process.env.SANDBOX_API ?? "").replace(/\/v10$/, "");
export const TOKEN = process.env.SANDBOX_TOKEN ?? "";

export function tell(saw, fields = {}) {
  process.stdout.write(`${JSON.stringify({ saw, ...fields })}\n`);
}

// The step and the arguments that a chat message asks for.
export function order(content) {
  const found = /^!(\w+) ?(.*)$/s.exec(content ?? "");
  return found === null ? null : { step: found[1], args: JSON.parse(found[2] || "{}") };
}
