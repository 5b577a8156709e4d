/* SPDX-License-Identifier: Apache-2.0 */
(() => {
  "use strict";
  const source = document.getElementById("threshold-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const at = id => document.getElementById(id);
  const slider = at("threshold"), model = at("model");
  const share = (part, whole) => whole > 0 ? `${(100 * part / whole).toFixed(1)} %` : "–";
  const net = value => value === null ? "–" : value.toFixed(3).replace("-", "−");

  // A line in the decision curve goes with the slider; hover.js reads the same box.
  const figure = document.querySelector("figure.decision");
  let line = null, axes = null;
  if (figure && figure.querySelector("script.hover")) {
    axes = JSON.parse(figure.querySelector("script.hover").textContent)[0];
    line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    const look = {"class": "threshold-line", stroke: "#a32a00", "stroke-width": 1, "stroke-dasharray": "3 2", "pointer-events": "none"};
    for (const [name, value] of Object.entries(look)) line.setAttribute(name, value);
    figure.querySelector("svg").append(line);
  }

  const say = () => {
    const one = data.models[Number(model.value)], i = Number(slider.value), t = data.thresholds[i];
    const [tp, fp, fn, tn] = ["tp", "fp", "fn", "tn"].map(name => one[name][i]);
    at("threshold-says").textContent = `${Math.round(100 * t)} %`;
    slider.setAttribute("aria-valuetext", `${Math.round(100 * t)} percent`);
    for (const [name, value] of Object.entries({tp, fp, fn, tn})) at(name).textContent = value;
    at("sensitivity").textContent = share(tp, tp + fn);
    at("specificity").textContent = share(tn, tn + fp);
    at("ppv").textContent = share(tp, tp + fp);
    at("npv").textContent = share(tn, tn + fn);
    at("net-benefit").textContent = net(one.net_benefit[i]);
    at("treat-all").textContent = net(one.treat_all[i]);
    at("unknown").textContent = one.unknown
      ? `${one.unknown} patients were censored before the horizon and are in no count; the net benefit is the one of the decision curve below.` : "";
    if (line) {
      const [left, top, right, bottom] = axes.box, [x0, x1] = axes.xlim;
      const x = left + (t - x0) / (x1 - x0) * (right - left);
      const inside = x >= left && x <= right;
      for (const [name, value] of Object.entries({x1: x, x2: x, y1: top, y2: bottom, visibility: inside ? "visible" : "hidden"})) line.setAttribute(name, value);
    }
  };
  slider.addEventListener("input", say);
  model.addEventListener("change", say);
  say();
})();
