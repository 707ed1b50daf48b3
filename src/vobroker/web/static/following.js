"use strict";

// A stream of the gateway, followed as any listener follows it: by server-sent events, on from the last cursor
// after an interruption. The rows come from the server, for all alerts of half a second at once; where more come
// than the page keeps, the older of them are only counted.
const following = document.querySelector("[data-following]");
const within = (name) => following.querySelector(`[data-following-${name}]`);
const pause = within("pause");
const body = within("rows");
const most = Number(following.dataset.most);

const GATHER = 500; // ms
const AGAIN = 10_000; // ms after which a refused connection is tried again
const SPEAK = 10_000; // ms between two sentences for who listens
const STEP = 10_000; // ms of a bar
const STEPS = 60;

let cursor = following.dataset.cursor;
let source, retry, gathering;
let waiting = []; // alerts whose rows are not here yet, the oldest first
let unsaid = 0;
let count = 0;
const times = []; // when alerts came, of the last ten minutes

const paused = () => pause.getAttribute("aria-pressed") === "true";
const tell = (state, words) => {
  pause.dataset.state = state;
  within("text").textContent = words;
};

function connect() {
  clearTimeout(retry);
  source?.close();
  tell("lost", "Connecting");
  source = new EventSource(`${following.dataset.address}?since=${encodeURIComponent(cursor)}`);
  source.onopen = () => tell("live", "Live");
  source.onerror = () => {
    tell("lost", "Connecting");
    // The browser tries again by itself, unless it was refused: as when there are as many listeners as may be.
    if (source.readyState === EventSource.CLOSED) retry = setTimeout(connect, AGAIN);
  };
  source.addEventListener("json", (event) => {
    cursor = event.lastEventId;
    const { alert } = JSON.parse(event.data);
    waiting.push(`${alert.survey}:${alert.alert_id}`);
    if (waiting.length > most) waiting.shift();
    times.push(Date.now());
    count += 1;
    unsaid += 1;
    gathering ??= setTimeout(gather, GATHER);
  });
}

async function gather() {
  const wanted = waiting.splice(0);
  const asked = new URLSearchParams(wanted.reverse().map((alert) => ["alert", alert]));
  try {
    const answer = await fetch(`${following.dataset.rows}?${asked}`);
    if (!answer.ok) throw new Error(answer.statusText);
    const table = document.createElement("template");
    table.innerHTML = await answer.text(); // a part of a page of this site, in which all values are escaped
    const fresh = [...table.content.querySelectorAll("tr")];
    fresh.forEach((row) => (row.dataset.new = ""));
    body.prepend(...fresh);
    // What has the focus must not vanish under it.
    while (body.rows.length > most && !body.lastElementChild.contains(document.activeElement))
      body.lastElementChild.remove();
    within("empty").hidden = true;
    following.dataset.last = wanted[0];
  } catch (error) {
    console.info(`Rows are missing: ${error.message}`);
  }
  gathering = waiting.length ? setTimeout(gather, GATHER) : undefined;
  rate();
}

function rate() {
  const now = Date.now();
  while (times.length && times[0] < now - STEP * STEPS) times.shift();
  const bars = new Array(STEPS).fill(0);
  for (const time of times) bars[STEPS - 1 - Math.floor((now - time) / STEP)] += 1;
  within("rate").textContent = bars.slice(-60_000 / STEP).reduce((sum, one) => sum + one, 0);
  within("count").textContent = count;
  const top = Math.max(...bars, 1);
  within("bars").replaceChildren(
    ...bars.map((value, number) => {
      const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      const height = value ? Math.max((44 * value) / top, 1) : 1;
      const places = { x: 4 * number, y: 44 - height, width: 2.9, height, rx: 0.8 };
      for (const name in places) bar.setAttribute(name, places[name]);
      return bar;
    }),
  );
}

pause.addEventListener("click", () => {
  if (paused()) {
    pause.setAttribute("aria-pressed", "false");
    return connect();
  }
  pause.setAttribute("aria-pressed", "true");
  clearTimeout(retry);
  source.close(); // another may have the place; what comes meanwhile is fetched from the cursor on
  tell("paused", "Paused");
});
setInterval(() => {
  rate();
  if (!unsaid) return;
  within("news").textContent = `${unsaid} new ${unsaid === 1 ? "alert" : "alerts"}`;
  unsaid = 0;
}, SPEAK);
addEventListener("pagehide", () => source?.close());
rate();
connect();
