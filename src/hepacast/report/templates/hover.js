/* SPDX-License-Identifier: Apache-2.0 */
(() => {
  "use strict";
  const show = v => v === null ? "–" : String(Number(v.toPrecision(3))).replace("-", "−");
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);
  const scale = (value, from, to) => to[0] + (value - from[0]) / (from[1] - from[0]) * (to[1] - to[0]);

  const pick = (one, axes, at) => {
    const [left, top, right, bottom] = axes.box;
    const px = v => scale(v, axes.xlim, [left, right]), py = v => scale(v, axes.ylim, [bottom, top]);
    let best = -1, least = Infinity;
    for (let i = 0; i < one.x.length; i++) {
      if (one.x[i] === null || one.y[i] === null) continue;
      const dx = px(one.x[i]) - at.x, dy = py(one.y[i]) - at.y;
      if (axes.rule === "step" && dx > 0) continue;
      const far = axes.rule === "nearest" ? Math.hypot(dx, dy) : Math.abs(dx);
      if (far < least || (axes.rule === "step" && far === least)) { least = far; best = i; }
    }
    return best < 0 ? null : {one, i: best, far: least, cx: px(one.x[best]), cy: py(one.y[best])};
  };

  for (const data of document.querySelectorAll("script.hover")) {
    const svg = data.parentElement.querySelector("svg");
    const dots = document.createElementNS("http://www.w3.org/2000/svg", "g");
    dots.setAttribute("pointer-events", "none");
    svg.append(dots);
    const all = JSON.parse(data.textContent);
    const leave = () => { tip.hidden = true; dots.replaceChildren(); };
    svg.addEventListener("pointerleave", leave);
    svg.addEventListener("pointermove", event => {
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      const axes = all.find(a => at.x >= a.box[0] - 2 && at.x <= a.box[2] + 2 && at.y >= a.box[1] - 2 && at.y <= a.box[3] + 2);
      if (!axes) return leave();
      let found = axes.series.map(one => pick(one, axes, at)).filter(Boolean);
      if (axes.rule === "nearest") found = found.sort((a, b) => a.far - b.far).slice(0, 1).filter(f => f.far < 40);
      if (!found.length) return leave();
      const lines = axes.rule === "nearest" ? [] : [`${axes.x} ${show(scale(at.x, [axes.box[0], axes.box[2]], axes.xlim))}`];
      for (const f of found) {
        const note = f.one.notes[f.i] ? ` (${f.one.notes[f.i]})` : "";
        const where = axes.rule === "nearest" ? `${axes.x} ${show(f.one.x[f.i])}, ${axes.y} ` : "";
        lines.push(`${f.one.label}: ${where}${show(f.one.y[f.i])}${note}`);
      }
      dots.replaceChildren(...found.map(f => {
        const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
        const shape = {cx: f.cx, cy: f.cy, r: 3, fill: "none", stroke: "#1d232c", "stroke-width": 1.2};
        for (const [name, value] of Object.entries(shape)) dot.setAttribute(name, value);
        return dot;
      }));
      tip.replaceChildren(...lines.map(text => {
        const line = document.createElement("div");
        line.textContent = text;
        return line;
      }));
      tip.hidden = false;
      const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
      tip.style.left = `${Math.max(8, Math.min(event.clientX + 14, room)) + scrollX}px`;
      tip.style.top = `${event.clientY + 16 + scrollY}px`;
    });
  }
})();
