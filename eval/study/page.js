"use strict";
/* The page of a study: a participant's code, the questions, and where the answers go. */

const root = document.getElementById("root");
const store = {
  get: (key) => JSON.parse(localStorage.getItem(key) ?? "null"),
  set: (key, value) => localStorage.setItem(key, JSON.stringify(value)),
};

class Final extends Error {
  final = true;
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function fetchJson(url, options = {}) {
  const response = await fetch(url, { cache: "no-store", ...options });
  if (response.status === 429 || response.status >= 500) throw new Error(response.statusText);
  const value = await response.json().catch(() => ({}));
  if (!response.ok) throw new Final(value.error ?? response.statusText, response.status);
  return value;
}

/* Answers on the server, which has each before the next question is shown. */
class OnServer {
  constructor(study, code) {
    this.code = code;
    this.browser = store.get("browser") ?? crypto.getRandomValues(new Uint32Array(4)).join("-");
    store.set("browser", this.browser);
  }

  post(path, value) {
    return fetchJson(path, {
      method: "POST",
      headers: { Authorization: `Bearer ${this.code}`, "Content-Type": "application/json" },
      body: JSON.stringify({ browser: this.browser, ...value }),
    });
  }

  async open(takeOver) {
    const session = await this.post("api/session", { take_over: takeOver });
    return { trials: session.trials, answered: new Set(session.answered) };
  }

  record(answer) {
    return persist(() => this.post("api/answers", answer),
      "No connection. What you have answered is safe; trying again…");
  }

  finish() {
    root.replaceChildren(thanks("All your answers have arrived. You may close this page."));
  }
}

/* Answers in this browser, and at the end in a file: for a pack on a plain file host. */
class InBrowser {
  constructor(study, code) {
    this.code = code;
    this.key = `${study.id}/${code}/answers`;
    this.answers = store.get(this.key) ?? [];
  }

  async open() {
    const { trials } = await fetchJson(`sessions/${encodeURIComponent(this.code)}.json`)
      .catch((error) => {
        throw error.status === 404 ? new Final("This code is not known: check its letters.") : error;
      });
    return { trials, answered: new Set(this.answers.map((answer) => answer.trial_id)) };
  }

  async record(answer) {
    const others = store.get(this.key) ?? []; // of another tab, perhaps
    if (!others.some((other) => other.trial_id === answer.trial_id))
      others.push({ ...answer, participant: this.code, answered_at: new Date().toISOString() });
    this.answers = others;
    store.set(this.key, others);
  }

  finish() {
    const file = new Blob([JSON.stringify(this.answers)], { type: "application/json" });
    const link = element("a", {
      className: "main button", textContent: "Download the answers",
      href: URL.createObjectURL(file), download: `answers-${this.code}.json`,
    });
    root.replaceChildren(thanks("Please download your answers and send the file to whoever "
      + "invited you.", link));
  }
}

function thanks(text, ...more) {
  const heading = element("h1", { textContent: "Thank you!", tabIndex: -1 });
  setTimeout(() => heading.focus());
  return element("section", {}, heading, element("p", { textContent: text }), ...more);
}

function refuse(text, again) {
  const button = element("button", { className: "main", type: "button", textContent: "Continue here" });
  button.addEventListener("click", again);
  root.replaceChildren(element("section", {}, element("h1", { textContent: "Open elsewhere" }),
    element("p", { textContent: text, role: "alert" }), button));
  button.focus();
}

async function start(study, code, takeOver = false) {
  const answers = new (study.answers === "server" ? OnServer : InBrowser)(study, code);
  try {
    const session = await persist(() => answers.open(takeOver), "No connection. Trying again…");
    store.set(`${study.id}/${code}/agreed`, true);
    await runSession({
      root, study, ...session,
      url: (file) => `images/${file}`,
      record: (answer) => answers.record(answer),
    });
    answers.finish();
  } catch (error) {
    if (error.status !== 409) throw error;
    refuse(error.message, () => start(study, code, true));
  }
}

async function main() {
  const study = await persist(() => fetchJson("study.json"), "No connection. Trying again…");
  const form = document.getElementById("welcome");
  const field = document.getElementById("code");
  const trouble = document.getElementById("trouble");
  field.value = decodeURIComponent(location.hash.slice(1));
  const cleaned = () => field.value.toLowerCase().replace(/[^a-z0-9]/g, "");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = document.getElementById("start");
    if (button.disabled) return;
    button.disabled = true;
    trouble.textContent = "";
    history.replaceState(null, "", `#${cleaned()}`); // so that a reload finds it
    try {
      await start(study, cleaned());
    } catch (error) {
      if (!form.isConnected) return say(error.message);
      trouble.textContent = error.message;
      button.disabled = false;
      field.focus();
    }
  });
  if (cleaned() && store.get(`${study.id}/${cleaned()}/agreed`)) form.requestSubmit();
}

main();
