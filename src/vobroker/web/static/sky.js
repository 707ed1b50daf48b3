// The sky with Aladin Lite: everything that it shows comes from this server, unless the reader chooses images
// from elsewhere. Where the view moves to, the page asks for its alerts; the table always has the same ones.
const frame = document.querySelector("[data-sky]");
const element = document.querySelector("#aladin");
const form = document.querySelector("[data-sky-form]");
const caption = document.querySelector("[data-sky-caption]");
const layers = (name) => [...document.querySelectorAll(`[data-layer="${name}"]`)];
const shown = (name) => layers(name)[0]?.checked;

const WIDE = 60; // degrees; a wider view is the whole sky
const QUIET = 400; // ms that the view rests before its alerts are asked for
const AGAIN = 30_000; // ms after which they are asked for again
const GROUND = "rgb(11, 16, 27)";
// Rubin's bands as on dark grounds; the sky is dark in either theme.
const BANDS = { u: "#3eb7ff", g: "#30c39f", r: "#ff7e00", i: "#2af5ff", z: "#a7f9c1", y: "#fdc900", other: "#c3cad6" };
const COLOURS = ["#7f9cc9", "#c59bff", "#ff9bb3", "#7fd6ff", "#9be08a", "#ffd37f"];

try {
  if (!document.createElement("canvas").getContext("webgl2")) throw new Error("no WebGL 2");
  const { default: A } = await import("/static/vendor/aladin.js");
  await A.init;
  start(A);
} catch (error) {
  console.info(`No map: ${error.message ?? error}`);
  element.remove();
  frame.querySelector("[data-sky-fallback]").hidden = false;
}

function start(A) {
  const asked = new URLSearchParams(location.search);
  const cone = ["ra", "dec", "radius"].map((name) => Number.parseFloat(asked.get(name)));
  const pointed = cone.every(Number.isFinite) && cone[2] <= WIDE;
  const density = (address) => A.HiPS(new URL(address, location.href).href, { name: "density" });
  const aladin = A.aladin(element, {
    survey: density(frame.dataset.hips),
    hipsList: [],
    target: pointed ? `${cone[0]} ${cone[1]}` : "180 0",
    fov: pointed ? (2 * cone[2]) / Math.hypot(1, element.clientHeight / element.clientWidth) : 360,
    projection: pointed ? "SIN" : "MOL",
    cooFrame: "ICRSd",
    backgroundColor: GROUND,
    gridOptions: { enabled: shown("grid"), color: "rgb(112, 132, 168)", opacity: 0.6, labelSize: 12 },
    samp: false,
    log: false,
    showReticle: false,
    showFrame: false,
    showCooLocation: false,
    showStatusBar: false,
    showFov: true,
    mode: "dark",
    showZoomControl: false,
    showLayersControl: false,
    showFullscreenControl: false,
    showSimbadPointerControl: false,
    showCooGridControl: false,
    showSettingsControl: false,
    showShareControl: false,
    showProjectionControl: false,
    showContextMenu: false,
  });

  // Markers: a catalogue of Aladin's for each band, and rings for what a filter let through.
  const catalogues = Object.entries(BANDS).map(([band, color]) => [
    band,
    A.catalog({ name: `band ${band}`, color, shape: "circle", sourceSize: 7, hoverColor: "#ffffff" }),
  ]);
  const byBand = Object.fromEntries(catalogues);
  const rings = A.catalog({ name: "passed", color: "#f2b866", shape: "circle", sourceSize: 15, hoverColor: "#ffffff" });
  for (const [, catalogue] of catalogues) aladin.addCatalog(catalogue);
  aladin.addCatalog(rings);

  let drawn = [];
  const draw = (points) => {
    drawn = points;
    const sorted = {};
    const ringed = [];
    for (const [survey, alert, object, ra, dec, band, mag, passed] of points) {
      const source = () => A.source(ra, dec, { survey, alert, object, band, mag });
      (sorted[band in BANDS ? band : "other"] ??= []).push(source());
      if (passed) ringed.push(source());
    }
    for (const [band, catalogue] of catalogues) {
      catalogue.removeAll();
      catalogue.addSources(sorted[band] ?? []);
    }
    rings.removeAll();
    rings.addSources(ringed);
    frame.dataset.drawn = points.length;
  };

  const say = (source) => {
    caption.hidden = !source;
    if (!source) return;
    const { object, alert, band, mag } = source.data;
    caption.textContent = [object ?? `alert ${alert}`, band, mag === null ? null : `${mag.toFixed(2)} mag`]
      .filter(Boolean)
      .join(" · ");
  };
  aladin.on("objectHovered", say);
  aladin.on("objectHoveredStop", () => say(null));
  aladin.on("objectClicked", (source) => {
    if (!source?.data?.alert) return;
    const { survey, alert } = source.data;
    location.assign(`/alerts/${encodeURIComponent(survey)}/${encodeURIComponent(alert)}`);
  });

  // The form says where the view is, and leads to where it is told.
  const tell = () => {
    const [ra, dec] = aladin.getRaDec();
    const [width, height] = aladin.getFov();
    const values = { ra: ((ra % 360) + 360) % 360, dec, radius: Math.hypot(width, height) / 2 };
    for (const name in values)
      if (form.elements[name] !== document.activeElement) form.elements[name].value = values.radius > WIDE ? "" : values[name].toFixed(4);
  };
  const visit = (ra, dec, radius) => {
    aladin.setProjection(radius > WIDE ? "MOL" : "SIN");
    aladin.gotoRaDec(ra, dec);
    const shape = element.clientHeight / element.clientWidth;
    aladin.setFoV(radius > WIDE ? 360 : (2 * radius) / Math.hypot(1, shape));
    moved();
  };
  form.addEventListener("submit", (event) => {
    const [ra, dec, radius] = ["ra", "dec", "radius"].map((name) => Number.parseFloat(form.elements[name].value));
    if (![ra, dec].every(Number.isFinite) || ra < 0 || ra > 360 || Math.abs(dec) > 90) return;
    event.preventDefault();
    visit(ra, dec, radius > 0 ? Math.min(radius, 180) : 1);
  });

  // The page of another view is asked for, and its parts take the place of those here.
  let timer, last, under;
  const address = () => {
    const chosen = new URLSearchParams();
    for (const name of ["night", "filter"]) if (form.elements[name].value) chosen.set(name, form.elements[name].value);
    const [width, height] = aladin.getFov();
    const [ra, dec] = aladin.getRaDec();
    const radius = Math.hypot(width, height) / 2;
    if (radius <= WIDE) {
      chosen.set("ra", (((ra % 360) + 360) % 360).toFixed(6));
      chosen.set("dec", dec.toFixed(6));
      chosen.set("radius", radius.toPrecision(4));
    }
    return `/sky${chosen.size ? "?" : ""}${chosen}`;
  };
  const ask = async (again) => {
    const wanted = address();
    if (wanted === last && !again) return;
    last = wanted;
    under?.abort();
    under = new AbortController();
    try {
      const answer = await fetch(wanted, { signal: under.signal, headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!answer.ok) throw new Error(page.querySelector("main p")?.textContent ?? answer.statusText);
      for (const part of document.querySelectorAll("[data-sky-part]")) {
        // What has the focus must not vanish under it.
        const fresh = page.querySelector(`[data-sky-part="${part.dataset.skyPart}"]`);
        if (fresh && !part.contains(document.activeElement)) part.replaceChildren(...fresh.childNodes);
      }
      const base = page.querySelector("[data-sky]").dataset.hips;
      if (base !== frame.dataset.hips) {
        frame.dataset.hips = base;
        if (!background?.value) aladin.setBaseImageLayer(density(base));
      }
      draw(JSON.parse(page.querySelector("[data-sky-points]").textContent));
      history.replaceState(null, "", wanted);
    } catch (error) {
      if (error.name !== "AbortError") document.querySelector('[data-sky-part="state"]').textContent = error.message;
    }
  };
  const moved = () => {
    tell();
    clearTimeout(timer);
    timer = setTimeout(ask, QUIET);
  };
  aladin.on("positionChanged", moved);
  aladin.on("zoomChanged", moved);
  setInterval(() => document.hidden || ask(true), AGAIN);

  // Layers.
  for (const box of layers("density"))
    box.addEventListener("change", () => aladin.getBaseImageLayer().setOpacity(box.checked ? 1 : 0));
  for (const box of layers("alerts"))
    box.addEventListener("change", () => catalogues.forEach(([, one]) => (box.checked ? one.show() : one.hide())));
  for (const box of layers("passed"))
    box.addEventListener("change", () => (box.checked ? rings.show() : rings.hide()));
  for (const box of layers("grid"))
    box.addEventListener("change", () => aladin.setCooGrid({ enabled: box.checked }));
  for (const box of layers("moc")) {
    let map;
    box.addEventListener("change", async () => {
      if (map) return box.checked ? map.show() : map.hide();
      const color = COLOURS[box.dataset.colour];
      map = A.MOCFromJSON(await (await fetch(box.dataset.moc)).json(), { color, fill: true, opacity: 0.25, lineWidth: 2 });
      aladin.addMOC(map);
    });
  }
  const background = document.querySelector("[data-background]");
  background?.addEventListener("change", () => {
    const chosen = background.value;
    aladin.setBaseImageLayer(chosen ? A.HiPS(chosen, { name: chosen }) : density(frame.dataset.hips));
  });

  // Buttons, and the form without a new page.
  document.querySelector(".sky-buttons").hidden = false;
  for (const button of document.querySelectorAll("[data-sky-zoom]"))
    button.addEventListener("click", () =>
      aladin.setFoV(Math.min(Math.max(aladin.getFov()[0] * Number(button.dataset.skyZoom), 0.01), 360)),
    );
  document.querySelector("[data-sky-whole]").addEventListener("click", () => visit(180, 0, 180));
  document.querySelector("[data-sky-latest]").addEventListener("click", () => {
    const first = drawn[0];
    if (first) visit(first[3], first[4], 4);
  });
  for (const name of ["night", "filter"]) form.elements[name].addEventListener("change", () => ask(true));

  draw(JSON.parse(document.querySelector("[data-sky-points]").textContent));
  last = address();
  tell();
  frame.dataset.ready = "";
  Object.assign(frame, { aladin, catalogues: byBand, rings });
}
