// Makes the page's tables: numbers go in, elements come out. Text from a log only ever becomes text, never markup.
"use strict";

/** Make an element: its name, attributes, then children, which are elements or text. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Make a table whose first column names the rows; a cell is a text, or {value, unit}, whose number stays readable. */
function table(caption, headings, rows) {
  const head = element("tr", {}, ...headings.map((each) => element("th", { scope: "col" }, each)));
  const body = rows.map(([name, ...cells]) => element("tr", {}, element("th", { scope: "row" }, name), ...cells.map(cellOf)));
  const made = element(
    "table",
    {},
    element("caption", { class: "hidden" }, caption),
    element("thead", {}, head),
    element("tbody", {}, ...body),
  );
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, made);
}

function cellOf(cell) {
  if (typeof cell === "string") return element("td", { class: "text" }, cell);
  return element("td", { "data-value": cell.value === null ? "" : String(cell.value) }, written(cell.value, cell.unit));
}

/** The numbers of a picture. */
function figureTable(figure, panel, labels) {
  if (figure.form === "ranking") {
    const rows = figure.ranked.map((each) => [each.label, { value: each.value, unit: panel.unit }]);
    return table(panel.title, ["", panel.unit === "Percent" ? "Share" : panel.statistics[0]], rows);
  }
  const rows = labels.map((label, period) => [
    label,
    ...figure.series.map((each) => ({ value: each.values[period], unit: panel.unit })),
  ]);
  return table(panel.title, ["Time (UTC)", ...figure.series.map((each) => each.label)], rows);
}

const counted = (value) => ({ value: value ?? 0, unit: "Count" });
const lasting = (pairs, share) => ({ value: quantile(pairs, share), unit: "Milliseconds" });

/** Give the codes of a dimension that a selection leaves. */
function codesLeft(data, sideKey, selection) {
  return codesOf(data.sides[sideKey].named).filter((code) => selection[sideKey] === null || selection[sideKey] === code);
}

/** One row for each flow. */
function flowTable(data, selection) {
  const by = (metric) => sums(data, "flows", metric, selection, "name");
  const [started, completed, failed, cancelled] = ["FlowStarted", "FlowCompleted", "FlowError", "FlowCancelled"].map(by);
  const durations = durationsBy(data, "flows", "FlowDuration", selection, (rows, row) => rows.name[row]);
  const present = (code) => [started, completed, failed, cancelled].some((each) => each.has(code));
  const rows = codesLeft(data, "flows", selection).filter(present).map((code) => [
    labelOf(data.sides.flows.named, code),
    counted(started.get(code)),
    { value: shareAt(completed.get(code) ?? 0, [completed.get(code) ?? 0, failed.get(code) ?? 0]), unit: "Percent" },
    counted(failed.get(code)),
    counted(cancelled.get(code)),
    ...[0.5, 0.95, 0.99].map((share) => lasting(durations.get(code), share)),
  ]);
  return table("Flows one by one", ["Flow", "Started", "Success", "Failed", "Cancelled", "p50", "p95", "p99"], rows);
}

/** One row for each model. */
function modelTable(data, selection) {
  const by = (metric) => sums(data, "generations", metric, selection, "name");
  const metrics = ["GenerationCount", "GenerationError", "InputTokens", "OutputTokens", "TokensUsed"].map(by);
  const costs = by("EstimatedCost");
  const durations = durationsBy(data, "generations", "GenerationDuration", selection, (rows, row) => rows.name[row]);
  const present = (code) => [...metrics, costs].some((each) => each.has(code));
  const rows = codesLeft(data, "generations", selection).filter(present).map((code) => [
    labelOf(data.sides.generations.named, code),
    ...metrics.map((each) => counted(each.get(code))),
    lasting(durations.get(code), 0.5),
    lasting(durations.get(code), 0.95),
    { value: costs.get(code) ?? null, unit: "None" },
  ]);
  const headings = ["Model", "Generations", "Failed", "Tokens in", "Tokens out", "All tokens", "p50", "p95", "Cost"];
  return table("Models one by one", headings, rows);
}

/** The application's own metrics; of a number in an unknown unit nothing is said but the number. */
function othersTable(data) {
  const plain = (value) => ({ value, unit: "Count" });
  const rows = data.others.map((each) => [
    each.name,
    each.namespace,
    each.unit === "None" ? "" : each.unit,
    ...[each.count, each.sum, each.sum / each.count, each.minimum, each.maximum].map(plain),
  ]);
  return table("Other metrics", ["Metric", "Namespace", "Unit", "Values", "Sum", "Mean", "Smallest", "Largest"], rows);
}
