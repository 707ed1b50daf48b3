"use strict";

// Light and dark: what the system says, until the reader chooses.
const root = document.documentElement;
const isDark = () =>
  root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

document.querySelector("[data-theme-toggle]").addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
});

// A button copies the text of the element that it names.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy).textContent.replaceAll("−", "-");
  await navigator.clipboard.writeText(text);
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 1500);
});

// The live page: rows come in at the top and leave at the bottom; a pause drops what comes meanwhile,
// and going on loads the page anew.
const live = document.querySelector("[data-live]");
if (live) {
  const pause = live.querySelector("[data-pause]");
  const text = live.querySelector("[data-pause-text]");
  const paused = () => pause.getAttribute("aria-pressed") === "true";
  const state = (name, words) => {
    pause.dataset.state = name;
    text.textContent = words;
  };

  pause.addEventListener("click", () => {
    if (paused()) return location.reload();
    pause.setAttribute("aria-pressed", "true");
    state("paused", "Paused");
  });
  live.addEventListener("htmx:sseBeforeMessage", (event) => {
    // What has the focus must not vanish under it.
    const held = event.target.matches("aside *, aside") && event.target.contains(document.activeElement);
    if (paused() || held) event.preventDefault();
  });
  live.addEventListener("htmx:sseOpen", () => paused() || state("live", "Live"));
  live.addEventListener("htmx:sseError", () => paused() || state("lost", "Connecting"));
  live.addEventListener("htmx:sseMessage", (event) => {
    if (event.target.matches("tbody")) {
      const rows = event.target.rows;
      while (rows.length > Number(event.target.dataset.most)) rows[rows.length - 1].remove();
      live.querySelector("[data-empty]")?.remove();
    }
  });
}
