/* SPDX-License-Identifier: Apache-2.0 */
"use strict";
const box = document.getElementById("viewer");
const at = id => document.getElementById(id);
const says = at("viewer-says"), canvas = at("canvas"), image = at("plain-image");
const phase = at("phase"), windows = at("window"), opacity = at("opacity"), slice = at("slice");
const plainly = () => at("plain").getAttribute("aria-pressed") === "true";
let viewer = null, scans = null, place = null, loading = Promise.resolve();

const current = () => scans.phases[Number(phase.value)];
const shown = () => [...document.querySelectorAll("#regions input")].map(one => one.checked);
const ends = () => windows.value === "" ? [current().low, current().high] : scans.windows[Number(windows.value)].slice(1);

function has_webgl() {
  try { return Boolean(document.createElement("canvas").getContext("webgl2")); } catch { return false; }
}

function list_regions() {
  at("regions").replaceChildren(...current().regions.map(one => {
    const label = document.createElement("label"), tick = document.createElement("input"), swatch = document.createElement("i");
    tick.type = "checkbox";
    tick.checked = true;
    tick.addEventListener("change", show);
    swatch.style.backgroundColor = `rgb(${one.colour.join(",")})`;
    label.append(tick, swatch, one.name);
    return label;
  }));
  slice.max = current().shape[0] - 1;
  slice.value = current().k;
}

async function load() {
  const one = current();
  says.textContent = `Reading ${one.name} …`;
  one.regions.forEach((region, n) => {
    const [r, g, b] = region.colour;
    viewer.addColormap(`region${n}`, {R: [0, r], G: [0, g], B: [0, b], A: [0, 255], I: [0, 255]});
  });
  const [low, high] = ends();
  await viewer.loadVolumes([
    {url: one.image, name: "image.nii", colormap: "gray", cal_min: low, cal_max: high},
    ...one.regions.map((region, n) => ({url: region.url, name: `region${n}.nii`, colormap: `region${n}`, cal_min: 0, cal_max: 1, opacity: Number(opacity.value)})),
  ]);
  const start = place ?? one.centre;
  if (start) viewer.scene.crosshairPos = viewer.mm2frac(start);
  viewer.drawScene();
}

function show() {
  if (!scans) return;
  const ticks = shown(), [low, high] = ends();
  if (plainly()) {
    const over = ticks.flatMap((tick, n) => tick ? [n] : []).join(",");
    const asked = new URLSearchParams({low, high, regions: over, opacity: opacity.value});
    image.src = `${current().slice}${slice.value}.png?${asked}`;
    image.alt = `Axial slice ${Number(slice.value) + 1} of ${current().shape[0]}, ${current().name}, patient's right on the left`;
    for (const mark of document.querySelectorAll(".mark")) mark.hidden = !current().marks;
  } else if (viewer && viewer.volumes.length) {
    ticks.forEach((tick, n) => viewer.setOpacity(n + 1, tick ? Number(opacity.value) : 0));
    Object.assign(viewer.volumes[0], {cal_min: low, cal_max: high});
    viewer.updateGLVolume();
  }
  box.dataset.shown = `${phase.value} ${windows.value} ${opacity.value} ${ticks.map(Number).join("")}`;
}

function change_phase() {
  const name = current().name;
  list_regions();
  loading = loading.then(async () => {
    if (viewer && !plainly()) await load();
    show();
    says.textContent = `${name}: ${current().shape.slice().reverse().join(" × ")} voxels`;
    box.dataset.ready = name;
  }).catch(error => { says.textContent = `The images cannot be shown: ${error.message}`; });
}

function set_plain(on) {
  at("plain").setAttribute("aria-pressed", String(on));
  canvas.hidden = on;
  at("plain-stage").hidden = !on;
  at("slice-label").hidden = !on;
  change_phase();
}

function step(dx, dy, dz) {
  if (plainly()) {
    slice.value = Number(slice.value) + dz;
    show();
  } else if (viewer) {
    viewer.moveCrosshairInVox(dx, dy, dz);
    remember();
  }
}

function remember() {
  place = [...viewer.frac2mm(viewer.scene.crosshairPos)].slice(0, 3);
  box.dataset.place = place.map(v => v.toFixed(1)).join(" ");
}

const keys = {
  ArrowUp: () => step(0, 0, 1), ArrowDown: () => step(0, 0, -1),
  ArrowLeft: () => step(-1, 0, 0), ArrowRight: () => step(1, 0, 0),
  "[": () => { opacity.stepDown(2); show(); }, "]": () => { opacity.stepUp(2); show(); },
  0: () => {
    const ticks = [...document.querySelectorAll("#regions input")], on = ticks.some(one => one.checked);
    for (const one of ticks) one.checked = !on;
    show();
  },
  p: () => { phase.selectedIndex = (phase.selectedIndex + 1) % phase.length; change_phase(); },
};
for (let n = 0; n < 4; n++) keys[n + 1] = () => { if (n < windows.length) { windows.selectedIndex = n; show(); } };

function press(event) {
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  act();
}

async function start() {
  const answer = await fetch(box.dataset.scans);
  if (!answer.ok) throw new Error("this case cannot be read; its page says why");
  scans = await answer.json();
  phase.replaceChildren(...scans.phases.map((one, n) => new Option(one.name, n)));
  windows.replaceChildren(new Option("2nd to 98th percentile", ""), ...scans.windows.map(([name], n) => new Option(`${name} (CT)`, n)));
  for (const part of box.querySelectorAll(".controls, .stage")) part.hidden = false;
  for (const one of [canvas, at("plain-stage")]) one.addEventListener("keydown", press, {capture: true});
  phase.addEventListener("change", change_phase);
  for (const one of [windows, opacity, slice]) one.addEventListener("input", show);
  at("plain").addEventListener("click", () => set_plain(!plainly()));
  if (!has_webgl()) {
    at("plain").disabled = true;
    set_plain(true);
    return;
  }
  const {Niivue} = await import("/vendor/niivue.js");
  viewer = new Niivue({isRadiologicalConvention: true, isNearestInterpolation: true, logLevel: "error", dragAndDropEnabled: false, backColor: [0, 0, 0, 1], show3Dcrosshair: false, multiplanarShowRender: 0});
  viewer.onLocationChange = remember;
  await viewer.attachToCanvas(canvas);
  viewer.setInterpolation(true);
  change_phase();
}

start().catch(error => { says.textContent = `The images cannot be shown: ${error.message}`; });
