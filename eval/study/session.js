"use strict";
/* A study's questions, one after the other: of the page, and of the template for Mechanical Turk,
   which takes a dollar sign before a brace for a column of its input: no template literals here. */

const REST = 350; // ms: a question takes no answer sooner, so a double click gives only one
const AHEAD = 8; // questions whose pictures are loaded beforehand
const PATIENCE = [500, 1000, 2000, 4000, 8000]; // ms between attempts; the last repeats

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function say(text) {
  document.getElementById("status").textContent = text;
}

/* Do something until it is done; a failure marked `final` is not tried again. */
async function persist(attempt, trouble) {
  for (let n = 0; ; n++) {
    try {
      const result = await attempt();
      say("");
      return result;
    } catch (error) {
      if (error.final) throw error;
      say(trouble);
      await wait(PATIENCE[Math.min(n, PATIENCE.length - 1)]);
    }
  }
}

const loading = new Map(); // promises by URL

function load(url) {
  if (!loading.has(url)) {
    const image = new Image();
    image.src = url;
    loading.set(url, image.decode().catch((error) => {
      loading.delete(url);
      throw error;
    }));
  }
  return loading.get(url);
}

/* Show one question; resolves to {choice, seconds} with its first answer, and to no other. */
function ask(root, study, trial, number, total, url) {
  const size = { width: trial.width, height: trial.height };
  const heading = element("h2", { textContent: study.prompt, tabIndex: -1 });
  const above = trial.above.map((file, i) => element("figure", {},
    element("img", { src: url(file), alt: study.captions[i], ...size }),
    element("figcaption", { textContent: study.captions[i] })));
  const pictures = trial.options.map((file, i) => element("img",
    { src: url(file), alt: study.labels ? "The picture to judge" : "Picture " + (i + 1), ...size }));
  const options = study.labels
    ? study.labels.map((label) => element("button", { className: "option words", textContent: label }))
    : pictures.map((picture, i) => element("button", { className: "option" }, picture,
        element("span", { textContent: i + 1, ariaHidden: "true" })));
  if (study.labels) above.push(...pictures.map((picture) => element("figure", {}, picture)));
  for (const option of options) option.type = "button";
  const rows = element("div", { className: "pictures" });
  if (above.length) rows.append(element("div", { className: "row" }, ...above));
  rows.append(element("div", {
    className: options.length > 2 && !study.labels ? "row many" : "row",
  }, ...options));
  if (above.length) rows.classList.add(study.labels ? "buttons" : "two-rows");
  const kind = trial.practice ? "Practice: question " : "Question ";
  root.replaceChildren(element("div", { className: "trial" },
    element("div", { className: "progress" },
      element("span", { textContent: kind + number + " of " + total }),
      element("progress", { max: total, value: number - 1, ariaLabel: "answered" })),
    heading, rows));
  heading.focus();
  const shown = performance.now();
  return new Promise((resolve) => {
    function choose(choice) {
      const ms = performance.now() - shown;
      if (ms < REST) return;
      document.removeEventListener("keydown", press);
      options.forEach((option, i) => {
        option.disabled = true;
        option.setAttribute("aria-pressed", String(i === choice));
      });
      resolve({ choice, seconds: Math.round(ms) / 1000 });
    }
    function press(event) {
      if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
      const arrow = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const digit = "123456789".indexOf(event.key);
      if (digit >= 0 && digit < options.length) choose(digit);
      else if (arrow && options.length === 2) choose(arrow < 0 ? 0 : 1);
      else if (arrow) {
        const at = options.indexOf(document.activeElement);
        const next = at < 0 ? (arrow < 0 ? options.length - 1 : 0) : at + arrow;
        options[(next + options.length) % options.length].focus();
      } else return;
      event.preventDefault();
    }
    document.addEventListener("keydown", press);
    options.forEach((option, i) => option.addEventListener("click", () => choose(i)));
  });
}

/* Ask what is not in `answered` (a Set of ids); `record` keeps an answer before the next question. */
async function runSession({ root, study, trials, answered, url, record }) {
  const left = trials.filter((trial) => !answered.has(trial.id));
  const files = (trial) => [...trial.above, ...trial.options];
  for (const [n, trial] of left.entries()) {
    const soon = left.slice(n + 1, n + 1 + AHEAD).flatMap(files);
    await persist(() => Promise.all(files(trial).map((file) => load(url(file)))),
      "The pictures do not load. Trying again…");
    for (const file of soon) load(url(file)).catch(() => {}); // asked again when its turn comes
    const number = trials.length - left.length + n + 1;
    const answer = await ask(root, study, trial, number, trials.length, url);
    await record({ trial_id: trial.id, ...answer });
  }
}
