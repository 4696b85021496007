// Instants as people read them, in their own zone.

const LOCALE = "en-GB"; // the page is in English and in 24-hour time, whatever the browser speaks
const format = (options) => new Intl.DateTimeFormat(LOCALE, options);
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

const clock = format({ hour: "2-digit", minute: "2-digit" });
const dayAndMonth = format({ day: "numeric", month: "short" });
const full = format({ weekday: "long", day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit" });
const dayTitle = format({ weekday: "long", day: "numeric", month: "long" });

// The styles of <t:seconds:style>.
const styles = {
  t: clock,
  T: format({ hour: "2-digit", minute: "2-digit", second: "2-digit" }),
  d: format({ day: "2-digit", month: "2-digit", year: "numeric" }),
  D: format({ day: "numeric", month: "long", year: "numeric" }),
  f: format({ day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit" }),
  F: full,
};

const sameDay = (a, b) => a.toDateString() === b.toDateString();

export const fullTime = (date) => full.format(date);
export const shortTime = (date, now = new Date()) =>
  sameDay(date, now) ? clock.format(date) : `${dayAndMonth.format(date)}, ${clock.format(date)}`;
export const dayOf = (date) => date.toDateString();

export function dayLabel(date, now = new Date()) {
  if (sameDay(date, now)) return "Today";
  if (sameDay(date, new Date(now.getTime() - 86_400_000))) return "Yesterday";
  return dayTitle.format(date);
}

const UNITS = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

export function relativeTime(date, now = new Date()) {
  const seconds = (date - now) / 1000;
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return relative.format(Math.round(seconds / length), unit);
  }
  return relative.format(Math.round(seconds), "second");
}

/** What `<t:…:style>` shows, or null when the instant is beyond what a calendar can hold. */
export function styledTime(seconds, style) {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return null;
  return style === "R" ? relativeTime(date) : (styles[style] ?? styles.f).format(date);
}

/** Keep relative times true while the page stays open. */
export function keepRelativeTimesFresh(root = document) {
  setInterval(() => {
    for (const element of root.querySelectorAll("time[data-relative]")) {
      element.textContent = relativeTime(new Date(element.dateTime));
    }
  }, 15_000);
}
