"use strict";
/* Progress of a study, for who holds the token that stands behind # in the address. */

const headers = { Authorization: `Bearer ${location.hash.slice(1)}` };
const totals = document.getElementById("totals");
const download = document.getElementById("download");

function row(participant) {
  const made = document.createElement("tr");
  const link = document.createElement("a");
  link.href = link.textContent = `${location.origin}/#${participant.code}`;
  const time = participant.median_seconds;
  for (const cell of [participant.slot + 1, link, `${participant.answered} of ${participant.questions}`,
    time === null ? "" : `${time.toFixed(1)} s`,
    participant.last ? new Date(participant.last).toLocaleString() : ""]) {
    made.append(Object.assign(document.createElement("td"), {}));
    made.lastChild.append(cell);
  }
  return made;
}

async function refresh() {
  const response = await fetch("api/admin", { headers, cache: "no-store" }).catch(() => null);
  if (!response?.ok) {
    totals.textContent = response ? (await response.json()).error : "The server does not answer.";
    return;
  }
  const { participants } = await response.json();
  const sum = (key) => participants.reduce((n, participant) => n + participant[key], 0);
  const done = participants.filter((p) => p.answered === p.questions).length;
  totals.textContent = `${sum("answered")} of ${sum("questions")} answers; ${done} of `
    + `${participants.length} participants are done.`;
  document.querySelector("tbody").replaceChildren(...participants.map(row));
  document.querySelector("table").hidden = false;
  download.disabled = false;
}

download.addEventListener("click", async () => {
  const response = await fetch("api/admin/responses.parquet", { headers });
  if (!response.ok) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = "responses.parquet";
  link.click();
});

refresh();
setInterval(refresh, 5000);
