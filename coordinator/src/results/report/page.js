"use strict";
const figures = Array.from(document.querySelectorAll(".figure"));
for (const figure of figures) {
  const { data, layout } = JSON.parse(document.getElementById(figure.dataset.json).textContent);
  Plotly.newPlot(figure, data, layout, {
    responsive: true,
    displaylogo: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d"],
    toImageButtonOptions: { format: "svg", filename: figure.dataset.json },
  });
}
// Paper has another width than the window.
const refit = () => figures.forEach((figure) => Plotly.Plots.resize(figure));
window.addEventListener("beforeprint", refit);
window.addEventListener("afterprint", refit);
