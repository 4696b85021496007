// Keeps the page up to date: fetches what changes every two seconds and replaces the panels that differ.
// A panel is left alone while its text is selected; the focused element and the scroll positions survive.

const EVERY = 2000;
const PATIENCE = 8000;

const live = document.getElementById("live");
const state = document.getElementById("live-state");
const toggle = document.getElementById("live-toggle");
document.getElementById("live-tools").hidden = false;

const shown = new Map();
let paused = false;
let failedSince = null;
let timer = 0;

function clock(date) {
  return date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

function say(text, level) {
  if (state.textContent !== text) state.textContent = text;
  state.className = level;
}

function isBeingRead(panel) {
  const selection = document.getSelection();
  return selection !== null && !selection.isCollapsed && selection.containsNode(panel, true);
}

function scrolls(panel) {
  return [...panel.querySelectorAll(".scroll")];
}

function place(panel, fresh) {
  const inside = panel.contains(document.activeElement) ? document.activeElement : null;
  const path = inside && [...panel.querySelectorAll("a, [tabindex]")].indexOf(inside);
  const lefts = scrolls(panel).map((box) => box.scrollLeft);
  panel.replaceWith(fresh);
  scrolls(fresh).forEach((box, index) => { box.scrollLeft = lefts[index] ?? 0; });
  if (inside) [...fresh.querySelectorAll("a, [tabindex]")][path]?.focus({ preventScroll: true });
}

function update(html) {
  const fetched = new DOMParser().parseFromString(html, "text/html");
  for (const fresh of fetched.querySelectorAll("[data-panel]")) {
    const text = fresh.outerHTML;
    const panel = document.getElementById(fresh.id);
    if (panel === null || shown.get(fresh.id) === text || isBeingRead(panel)) continue;
    shown.set(fresh.id, text);
    place(panel, document.adoptNode(fresh));
  }
}

async function refresh() {
  try {
    const answer = await fetch(live.dataset.from, { signal: AbortSignal.timeout(PATIENCE), cache: "no-store" });
    if (answer.status === 401 || answer.status === 403) {
      paused = true;
      toggle.hidden = true;
      say("Access ended: reload the page", "bad");
      return;
    }
    if (!answer.ok) throw new Error(String(answer.status));
    update(await answer.text());
    failedSince = null;
    document.body.classList.remove("stale");
    say("Live", "good");
  } catch {
    failedSince ??= new Date();
    document.body.classList.add("stale");
    say(`Out of date since ${clock(failedSince)}; trying again`, "bad");
  }
}

async function turn() {
  if (!paused && !document.hidden) await refresh();
  if (!paused) timer = setTimeout(turn, EVERY);
}

toggle.addEventListener("click", () => {
  paused = !paused;
  toggle.setAttribute("aria-pressed", String(paused));
  toggle.textContent = paused ? "Resume" : "Pause";
  clearTimeout(timer);
  if (paused) say(`Paused at ${clock(new Date())}`, "calm");
  else turn();
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden || paused) return;
  clearTimeout(timer);
  turn();
});

say("Live", "good");
timer = setTimeout(turn, EVERY);
