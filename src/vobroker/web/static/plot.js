// The plot of a result: it changes when other columns are chosen, and its points say what they are.
// Without this script the form draws it anew, and the picture stands for itself.
const form = document.querySelector("[data-plot]");
if (form) {
  const panel = form.closest("section");
  const area = panel.querySelector("[data-plot-area]");
  const caption = panel.querySelector("[data-plot-caption]");
  const pictures = [...area.querySelectorAll("img")];
  const mark = document.createElement("a");
  const words = document.createElement("span");
  let points = [];
  let here = -1;
  let asked = 0;

  mark.className = "plot-mark";
  mark.hidden = true;
  mark.tabIndex = -1;
  words.className = "plot-words";
  words.setAttribute("role", "status");
  area.append(mark, words);
  area.tabIndex = 0;
  area.setAttribute("role", "application");
  area.setAttribute("aria-label", "Points of the plot: arrow keys go from one to the next, Enter opens the object");
  form.querySelector("button").hidden = true;

  const address = (suffix, more = {}) => {
    const chosen = new URLSearchParams(new FormData(form));
    for (const [name, value] of Object.entries(more)) chosen.set(name, value);
    return `/query/plot.${suffix}?${chosen}`;
  };

  async function describe() {
    const number = ++asked;
    points = [];
    forget();
    let answer;
    try {
      const response = await fetch(address("json"));
      answer = response.ok ? await response.json() : { description: "This cannot be drawn now.", points: [] };
    } catch {
      return;
    }
    if (number !== asked) return;  // other columns have been chosen meanwhile
    points = answer.points.sort((one, other) => one[0] - other[0]);
    caption.textContent = answer.description;
    for (const picture of pictures) picture.alt = answer.description;
  }

  function draw() {
    const [light, dark] = pictures;
    light.src = address("svg");
    dark.src = address("svg", { dark: 1 });
    for (const link of panel.querySelectorAll("[data-plot-file]")) link.href = address(link.textContent.toLowerCase());
    describe();
  }

  function forget() {
    here = -1;
    mark.hidden = true;
    words.textContent = "";
  }

  function show(number) {
    here = number;
    const [x, y, text, where] = points[number];
    mark.hidden = false;
    mark.style.left = words.style.left = `${100 * x}%`;
    mark.style.top = words.style.top = `${100 * y}%`;
    words.dataset.side = x > 0.6 ? "left" : "right";
    words.textContent = text;
    if (where) mark.href = where;
    else mark.removeAttribute("href");
  }

  function nearest(event) {
    const box = area.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let best = -1;
    let least = 20 ** 2;  // pixels from a point that still mean it
    points.forEach(([px, py], number) => {
      const distance = (px * box.width - x) ** 2 + (py * box.height - y) ** 2;
      if (distance < least) [best, least] = [number, distance];
    });
    return best;
  }

  area.addEventListener("pointermove", (event) => {
    const number = nearest(event);
    if (number < 0) forget();
    else if (number !== here) show(number);
  });
  area.addEventListener("pointerleave", () => document.activeElement === area || forget());
  area.addEventListener("click", (event) => {
    const number = nearest(event);
    if (number >= 0 && points[number][3]) location.assign(points[number][3]);
  });
  area.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (step && points.length) {
      event.preventDefault();
      show((here + step + points.length) % points.length);
    } else if (event.key === "Enter" && here >= 0 && points[here][3]) {
      location.assign(points[here][3]);
    } else if (event.key === "Escape") {
      forget();
    }
  });
  area.addEventListener("blur", forget);
  form.addEventListener("change", draw);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    draw();
  });

  const details = panel.querySelector("details");
  const begin = () => details.open && asked === 0 && describe();
  details.addEventListener("toggle", begin);
  begin();
}
