/* SPDX-License-Identifier: Apache-2.0 */
"use strict";
import {Panes, renderer} from "/static/panes.js";

const at = id => document.getElementById(id);
const box = at("viewer"), stage = at("stage"), says = at("viewer-says");
const [view, phase, windows, opacity, slice, map, strength, plain] =
  ["view", "phase", "window", "opacity", "slice", "map", "strength", "plain"].map(at);
let scans = null, panes = null, place = [0, 0, 0], queue = Promise.resolve();

const make = (name, look, ...inside) => {
  const made = document.createElement(name);
  if (look) made.className = look;
  made.append(...inside);
  return made;
};
const number = one => Number(one.value);
const plainly = () => plain.getAttribute("aria-pressed") === "true";
const planes = () => view.value === "planes";
const current = () => scans.phases[number(phase)];
const wanted = () => planes() ? [number(phase)] : scans.phases.map((_, n) => n);
const ticks = () => new Set([...document.querySelectorAll("#regions input:checked")].map(one => one.value));
const ends = n => windows.value === "" ? [scans.phases[n].low, scans.phases[n].high] : scans.windows[number(windows)].slice(1);
const slice_at = (one, z) => Math.min(Math.max(Math.round((z - one.bottom) / (one.step || 1)), 0), one.shape[0] - 1);

// One thing after the other: a phase may still be loading when the next click comes.
function later(what) {
  queue = queue.then(what).catch(error => { says.textContent = `The images cannot be shown: ${error.message}`; });
}

function build() {
  phase.replaceChildren(...scans.phases.map((one, n) => new Option(one.name, n)));
  windows.replaceChildren(new Option("2nd to 98th percentile", ""), ...scans.windows.map(([name], n) => new Option(`${name} (CT)`, n)));
  if (scans.hounsfield) windows.selectedIndex = 1;
  map.replaceChildren(new Option("none", -1), ...scans.maps.map((one, n) => new Option(one.name, n)));
  for (const one of box.querySelectorAll(".for-maps")) one.hidden = !scans.maps.length;
  if (scans.phases.length < 2) view.value = "planes";
  at("view-label").hidden = scans.phases.length < 2;
  at("regions").replaceChildren(...scans.regions.map(one => {
    const tick = make("input"), swatch = make("i");
    Object.assign(tick, {type: "checkbox", checked: true, value: one.name});
    tick.addEventListener("change", draw);
    swatch.style.backgroundColor = `rgb(${one.colour.join(",")})`;
    return make("label", "", tick, swatch, one.name);
  }));
  stage.replaceChildren(...scans.phases.map(one => {
    const canvas = make("canvas"), image = make("img"), figure = make("figure", "pane");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Images of the phase ${one.name}, with a crosshair`);
    const marks = one.marks ? [make("span", "mark left", "R"), make("span", "mark right", "L")] : [];
    for (const mark of marks) mark.setAttribute("aria-hidden", "true");
    figure.append(make("figcaption", "", one.name), canvas, image, ...marks);
    Object.assign(figure, {tabIndex: 0, role: "group"});
    figure.setAttribute("aria-describedby", "keys");
    return figure;
  }));
}

/** Show other panes: another view, another phase, plain slices or not. */
function change() {
  later(async () => {
    const chosen = wanted(), soft = plainly();
    at("phase-label").hidden = !planes();
    stage.classList.toggle("one", chosen.length === 1);
    stage.classList.toggle("plain", soft);
    [...stage.children].forEach((figure, n) => { figure.hidden = !chosen.includes(n); });
    if (!soft) {
      says.textContent = "Reading the images …";
      await panes.show(chosen, planes());
      panes.go(place);
    }
    const one = current(), size = one.shape.slice().reverse().join(" × ");
    says.textContent = planes() ? `${one.name}: ${size} voxels` : `${chosen.length} phases, linked`;
    await show();
    box.dataset.ready = `${soft ? "plain" : "webgl"} ${chosen.join(",")}`;
  });
}

function draw() { later(show); }

async function show() {
  const shown = ticks(), chosen = number(map);
  slice.max = current().shape[0] - 1;
  slice.value = slice_at(current(), place[2]);
  for (const n of wanted()) name_pane(n);
  if (plainly()) for (const n of wanted()) draw_plain(n, shown, chosen);
  else await panes.look({ends, opacity: number(opacity), ticks: shown, map: chosen, strength: number(strength)});
  at("map-says").textContent = chosen >= 0 ? scans.maps[chosen].caption : "";
  box.dataset.place = place.map(v => v.toFixed(1)).join(" ");
  box.dataset.shown = [windows.value, opacity.value, [...shown].join(","), chosen, strength.value].join(" ");
}

function draw_plain(n, shown, chosen) {
  const one = scans.phases[n], image = stage.children[n].querySelector("img"), [low, high] = ends(n);
  const regions = one.regions.flatMap((region, m) => shown.has(region.name) ? [m] : []).join(",");
  const asked = new URLSearchParams({low, high, regions, opacity: opacity.value, overlay: chosen, strength: strength.value});
  const address = `${one.slice}${slice_at(one, place[2])}.png?${asked}`;
  if (image.getAttribute("src") !== address) image.src = address;
  image.alt = `Axial slice ${slice_at(one, place[2]) + 1} of ${one.shape[0]}, ${one.name}${one.marks ? ", patient's right on the left" : ""}`;
}

function name_pane(n) {
  const one = scans.phases[n], what = planes() && !plainly() ? "three planes" : `axial slice ${slice_at(one, place[2]) + 1} of ${one.shape[0]}`;
  stage.children[n].setAttribute("aria-label", `${one.name}, ${what}`);
}

/** The place has moved; slider and plain slices follow. */
function moved(to) {
  place = to;
  slice.value = slice_at(current(), place[2]);
  box.dataset.place = place.map(v => v.toFixed(1)).join(" ");
  for (const n of wanted()) name_pane(n);
}

function to_slice(k) {
  const one = current(), inside = Math.min(Math.max(k, 0), one.shape[0] - 1);
  moved([place[0], place[1], one.bottom + inside * one.step]);
  if (plainly()) draw();
  else panes.go(place);
}

function step(dx, dy, dz) {
  if (!plainly()) panes.step(dx, dy, dz);
  else if (dz) to_slice(number(slice) + dz * (Math.sign(current().step) || 1));
}

// The patient's right is on the left: an arrow to the left goes to the right of the patient.
const keys = {
  ArrowUp: event => event.shiftKey ? step(0, 1, 0) : step(0, 0, 1),
  ArrowDown: event => event.shiftKey ? step(0, -1, 0) : step(0, 0, -1),
  ArrowLeft: () => step(1, 0, 0), ArrowRight: () => step(-1, 0, 0),
  "[": () => { opacity.stepDown(2); draw(); }, "]": () => { opacity.stepUp(2); draw(); },
  0: () => {
    const all = [...document.querySelectorAll("#regions input")], on = all.some(one => one.checked);
    for (const one of all) one.checked = !on;
    draw();
  },
  m: () => { map.selectedIndex = (map.selectedIndex + 1) % map.length; draw(); },
  p: () => { phase.selectedIndex = (phase.selectedIndex + 1) % phase.length; view.value = "planes"; change(); },
  v: () => { if (scans.phases.length > 1) { view.value = planes() ? "phases" : "planes"; change(); } },
};
for (let n = 0; n < 4; n++) keys[n + 1] = () => { if (n < windows.length) { windows.selectedIndex = n; draw(); } };

function press(event) {
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  act(event);
}

async function start() {
  const answer = await fetch(box.dataset.scans);
  if (!answer.ok) throw new Error("this case cannot be read; its page says why");
  scans = await answer.json();
  build();
  place = current().centre ?? [0, 0, current().bottom + current().k * current().step];
  panes = new Panes(scans, [...stage.querySelectorAll("canvas")], moved);
  for (const part of box.querySelectorAll(".controls, .stage")) part.hidden = false;
  at("keys").hidden = false;
  stage.addEventListener("keydown", press, {capture: true});
  for (const one of [phase, view]) one.addEventListener("change", change);
  for (const one of [windows, opacity, map, strength]) one.addEventListener("input", draw);
  slice.addEventListener("input", () => to_slice(number(slice)));
  plain.addEventListener("click", () => { plain.setAttribute("aria-pressed", String(!plainly())); change(); });
  // Without a graphics card three phases of a real CT take minutes; slices come at once.
  const card = renderer();
  plain.setAttribute("aria-pressed", String(card !== "card"));
  plain.disabled = card === "none";
  at("slow").hidden = card === "card";
  change();
}

start().catch(error => { says.textContent = `The images cannot be shown: ${error.message}`; });
