// Loaded before the first paint (not a module), so that a chosen theme never flashes.
(() => {
  "use strict";
  const KEY = "alphapy-sandbox-theme";
  const order = ["auto", "light", "dark"];
  const marks = { auto: "◐", light: "☀", dark: "☾" };
  const names = { auto: "follows your system", light: "light", dark: "dark" };

  function stored() {
    try {
      const value = localStorage.getItem(KEY);
      return order.includes(value) ? value : "auto";
    } catch {
      return "auto"; // storage may be blocked; the system's choice is a good one
    }
  }

  function apply(theme) {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }

  function label(button, theme) {
    button.textContent = marks[theme];
    button.setAttribute("aria-label", `Theme: ${names[theme]}. Change it`);
    button.title = `Theme: ${names[theme]}`;
  }

  let theme = stored();
  apply(theme);
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme-toggle");
    label(button, theme);
    button.addEventListener("click", () => {
      theme = order[(order.indexOf(theme) + 1) % order.length];
      apply(theme);
      label(button, theme);
      try {
        localStorage.setItem(KEY, theme);
      } catch {
        // the choice then lasts for this page only
      }
    });
  });
})();
