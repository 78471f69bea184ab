// Draw the charts of the report in place of their pictures, from the CSV beside each.
const decoded = link => new TextDecoder().decode(
  Uint8Array.from(atob(link.href.split(",")[1]), c => c.charCodeAt(0)));
for (const script of document.querySelectorAll("script[data-chart]")) {
  const figure = script.closest("figure");
  const place = document.createElement("div");
  place.className = "chart";
  const spec = JSON.parse(script.textContent);
  spec.data = { values: decoded(figure.querySelector("a.csv")), format: { type: "csv", parse: { n: "number" } } };
  spec.description = figure.querySelector("figcaption").textContent;
  script.before(place);
  figure.classList.add("live");
  const actions = { export: true, source: false, compiled: false, editor: false };
  vegaEmbed(place, spec, { actions, renderer: "svg" }).catch(error => {
    figure.classList.remove("live");
    place.remove();
    console.error(error);
  });
}
