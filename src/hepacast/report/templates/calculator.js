/* SPDX-License-Identifier: Apache-2.0 */
(() => {
  "use strict";
  for (const box of document.querySelectorAll(".calculator")) {
    const equation = JSON.parse(box.querySelector("script").textContent);
    const inputs = [...box.querySelectorAll("[data-term]")];
    const out = box.querySelector("output");
    const say = () => {
      let linear = equation.intercept, sum = 0, outside = false;
      for (const [at, term] of equation.terms.entries()) {
        const value = Number(inputs[at].value);
        if (inputs[at].value === "" || !Number.isFinite(value)) {
          out.textContent = "Fill in every value.";
          delete out.dataset.risk;
          return;
        }
        outside ||= value < term.low || value > term.high;
        sum += term.coefficient * value;
      }
      linear += sum;
      const risks = equation.kind === "logistic"
        ? [["Risk", 1 / (1 + Math.exp(-linear))]]
        : equation.baselines.map(b => [`Risk by ${b.months} months`, 1 - b.survival ** Math.exp(linear - equation.center)]);
      out.textContent = risks.map(([name, risk]) => `${name}: ${(100 * risk).toFixed(1)} %`).join("; ")
        + (outside ? ". A value lies outside the range seen in training." : ".");
      out.dataset.risk = risks.map(([, risk]) => risk).join(" ");
    };
    for (const input of inputs) input.addEventListener("input", say);
    box.hidden = false;
    say();
  }
})();
