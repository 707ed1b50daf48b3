// Trials in the filter editor: the form is sent, and what comes back is shown as it comes.
const form = document.querySelector("[data-trial]");
const place = document.querySelector("[data-trial-place]");
const said = document.querySelector("[data-trial-said]");
const stop = form.querySelector("[data-stop]");
let running = null;

// What is written without a name of its own outlives the way to the page for signing in.
const field = form.querySelector("textarea");
const DRAFT = "vobroker-filter-draft";
const from = new URLSearchParams(location.search).get("from");
const kept = "draft" in form.dataset && !from ? sessionStorage.getItem(DRAFT) : null;
if (kept && field.value === field.defaultValue) field.value = kept;
addEventListener("pagehide", () => {
  if (location.pathname === "/filters/new") sessionStorage.setItem(DRAFT, field.value);
  running?.abort();
});

const show = {
  trial: (html) => {
    const open = place.querySelector("details")?.open;  // what the reader has opened stays so
    place.innerHTML = html;
    if (open) place.querySelector("details").open = true;
  },
  said: (words) => (said.textContent = words),
  end: () => {},
};

function wrong(words) {
  const section = document.createElement("section");
  section.className = "panel balance alarm";
  section.setAttribute("role", "alert");
  const heading = document.createElement("h2");
  heading.textContent = "The trial cannot begin";
  const sentence = document.createElement("p");
  sentence.textContent = words;
  section.append(heading, sentence);
  place.replaceChildren(section);
}

async function* events(body) {
  let text = "";
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    text += part;
    const whole = text.split("\n\n");
    text = whole.pop();
    yield* whole;
  }
}

async function begin() {
  running?.abort();
  const mine = (running = new AbortController());
  stop.hidden = false;
  place.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.dataset.trial, {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      headers: { Accept: "text/event-stream, application/json" },
      signal: mine.signal,
    });
    if (!answer.ok) {
      wrong((await answer.json()).sentence);
      return;
    }
    for await (const event of events(answer.body)) {
      const lines = event.split("\n");
      const name = lines.find((line) => line.startsWith("event: "))?.slice(7);
      const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
      if (name) show[name]?.(data);
    }
  } catch (error) {
    if (error.name === "AbortError") show.said("The trial was stopped.");
    else wrong("The broker does not answer; try again in a moment.");
  } finally {
    if (running === mine) {
      running = null;
      stop.hidden = true;
      place.removeAttribute("aria-busy");
      place.querySelector("progress")?.remove();
    }
  }
}

form.addEventListener("submit", (event) => {
  if (event.submitter?.value === "save") return;
  event.preventDefault();
  begin();
});
stop.addEventListener("click", () => running?.abort());
