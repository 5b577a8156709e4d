/* SPDX-License-Identifier: Apache-2.0 */
(() => {
  "use strict";
  const at = id => document.getElementById(id);
  const make = (name, text, look) => {
    const made = document.createElement(name);
    made.textContent = text;
    if (look) made.className = look;
    return made;
  };
  const items = texts => texts.map(text => make("li", text));
  const number = value => value === null ? "–" : value.toFixed(2);
  const source = new EventSource("/run/events");
  source.addEventListener("message", event => {
    const run = JSON.parse(event.data);
    const state = at("state");
    // Spoken only when it changes.
    if (state.dataset.state !== run.state || !state.dataset.live) {
      state.textContent = `State: ${run.state}`;
      state.dataset.state = run.state;
      state.dataset.live = "yes";
    }
    if (at("resume")) {
      at("resume").hidden = run.state === "working";
      at("said").hidden = !run.words;
      at("words").textContent = run.words;
    }
    at("stages").replaceChildren(...run.stages.map(one => {
      const row = document.createElement("tr"), bar = document.createElement("progress");
      bar.max = one.total || 1;
      bar.value = one.done;
      bar.setAttribute("aria-label", one.name);
      const cell = document.createElement("td");
      cell.append(bar);
      const left = one.left_s ? `${Math.round(one.left_s)} s` : "–";
      row.append(make("td", one.name), make("td", `${one.done} of ${one.total}`, "n"), cell,
        make("td", number(one.per_s), "n"), make("td", left, "n"), make("td", one.item));
      return row;
    }));
    at("n-failures").textContent = run.failures.length;
    at("failures").replaceChildren(...items(run.failures.map(f => `${f.item}, ${f.stage}: ${f.text}`)));
    at("n-notices").textContent = run.n_notices;
    at("notices").replaceChildren(...items(run.notices.map(n => `${n.where}: ${n.text}`)));
  });
  addEventListener("pagehide", () => source.close());
})();
