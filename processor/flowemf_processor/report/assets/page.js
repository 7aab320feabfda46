// Joins the page: what the reader has chosen goes in, every picture, table and headline follows.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const SIDES = [
  { key: "flows", heading: "Flows", label: "Flow", all: "All flows" },
  { key: "generations", heading: "Models", label: "Model", all: "All models" },
];
const EVERYTHING = { flows: null, generations: null, filters: data.filters.map(() => null) };
const labels = data.time ? periodLabels(data.time) : [];
const darkness = matchMedia("(prefers-color-scheme: dark)");
const paper = matchMedia("print");
let selection = EVERYTHING;
let isPrinting = false;

const HEIGHT = 250;
const PRINTED_HEIGHT = 195;
const PRINTED_WIDTH = 370;
const PRINTED_SPARK_WIDTH = 105;

/** What pictures look like now: the colours are those of the style sheet. */
function currentLook() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const named = (names) => Object.fromEntries(Object.entries(names).map(([id, name]) => [id, colour(name)]));
  return {
    ...named({ ink: "ink", muted: "muted", line: "line", card: "card", shadow: "shadow", pattern: "pattern" }),
    palette: Array.from({ length: 8 }, (_, index) => colour(`series-${index + 1}`)),
    roles: named({
      FlowCompleted: "success", FlowError: "failure", FlowCancelled: "cancelled",
      p50: "p50", p95: "p95", p99: "p99", FlowDuration: "p95",
    }),
    font: style.fontFamily,
    patterns: isPrinting || (document.getElementById("patterns")?.checked ?? false),
    height: isPrinting ? PRINTED_HEIGHT : HEIGHT,
    width: isPrinting ? PRINTED_WIDTH : undefined,
    sparkWidth: isPrinting ? PRINTED_SPARK_WIDTH : undefined,
  };
}

// --- Choosing

function choice(id, label, all, named, choose) {
  const options = codesOf(named).map((code) => element("option", { value: String(code) }, labelOf(named, code)));
  const select = element("select", { id }, element("option", { value: "" }, all), ...options);
  select.addEventListener("change", () => {
    choose(select.value === "" ? null : Number(select.value));
    show();
  });
  return element("div", { class: "choice" }, element("label", { for: id }, label), select);
}

function buildFilters() {
  const form = document.getElementById("filters");
  const hasChoice = (named) => codesOf(named).length > 1;
  for (const side of SIDES.filter((each) => hasChoice(data.sides[each.key].named))) {
    const choose = (code) => (selection = { ...selection, [side.key]: code });
    form.append(choice(`choose-${side.key}`, side.label, side.all, data.sides[side.key].named, choose));
  }
  data.filters.forEach((named, index) => {
    const choose = (code) => (selection = { ...selection, filters: selection.filters.with(index, code) });
    form.append(choice(`choose-${index}`, named.key, "All", named, choose));
  });
  const patterns = element("input", { type: "checkbox", id: "patterns" });
  patterns.checked = true; // colours alone tell nothing to one reader in twenty
  patterns.addEventListener("change", show);
  const reset = element("button", { type: "reset" }, "Show everything");
  reset.hidden = !form.hasChildNodes(); // there is nothing to choose
  form.append(element("label", { class: "check" }, patterns, element("span", {}, "Patterns")), reset);
  form.addEventListener("reset", () => {
    selection = EVERYTHING;
    setTimeout(show); // when the form has its first values again
  });
  form.hidden = false;
}

// --- Headlines

const total = (side, metric, chosen = selection) => sum(data, side, metric, chosen);
const ended = (chosen) => ["FlowCompleted", "FlowError", "FlowCancelled"].reduce((all, metric) => all + total("flows", metric, chosen), 0);

function added(...all) {
  return labels.map((_, period) => all.reduce((sum, each) => sum + (each?.[period] ?? 0), 0));
}

/** The few numbers to look at first, with their curves. */
function headlines() {
  const curve = (side, metric) => sumsByPeriod(data, side, metric, selection, null).get(null);
  const every = (side, metric) => durationsBy(data, side, metric, selection, () => null).get(null);
  const panel = (key) => figureOf(data, data.panels.find((each) => each.key === key), selection);
  const outcomes = ["FlowCompleted", "FlowError", "FlowCancelled"].map((metric) => curve("flows", metric));
  const succeeded = total("flows", "FlowCompleted");
  const failed = total("flows", "FlowError");
  const durations = every("flows", "FlowDuration");
  const line = (key, id) => panel(key).series.find((each) => each.id === id)?.values ?? [];
  const say = (value, unit) => written(value, unit);
  return [
    ["flows", "Flows ended", ended(), "Count", `${say(total("flows", "FlowStarted"), "Count")} started`, added(...outcomes), "series-1"],
    ["flows", "Success rate", shareAt(succeeded, [succeeded, failed]), "Percent", `${say(failed, "Count")} failed`, line("rates", "FlowCompleted"), "success"],
    ["flows", "Duration, p95", quantile(durations, 0.95), "Milliseconds", `half within ${say(quantile(durations, 0.5), "Milliseconds")}`, line("durations", "p95"), "p95"],
    ["generations", "Generations", total("generations", "GenerationCount"), "Count", `${say(total("generations", "GenerationError"), "Count")} failed`, curve("generations", "GenerationCount"), "series-4"],
    ["generations", "Tokens", total("generations", "TokensUsed"), "Count", `${say(total("generations", "InputTokens"), "Count")} in, ${say(total("generations", "OutputTokens"), "Count")} out`, curve("generations", "TokensUsed"), "series-3"],
    ["generations", "Estimated cost", total("generations", "EstimatedCost"), "None", "by your own prices", curve("generations", "EstimatedCost"), "series-2"],
  ].filter(([side, title]) => hasRows(side) && (title !== "Estimated cost" || total("generations", "EstimatedCost", EVERYTHING) > 0));
}

function showHeadlines(host, look) {
  const style = getComputedStyle(document.documentElement);
  host.replaceChildren();
  const sparks = [];
  for (const [, title, value, unit, detail, values, colour] of headlines()) {
    const spark = element("div", { class: "spark", "aria-hidden": "true" });
    spark.hidden = !(values?.length > 1);
    const shown = element("dd", { class: "number", "data-value": String(value ?? ""), "data-headline": title }, written(value, unit));
    host.append(element("div", { class: "card headline" }, element("dt", {}, title), shown, element("dd", { class: "detail" }, detail), element("dd", {}, spark)));
    if (!spark.hidden) sparks.push([spark, values, style.getPropertyValue(`--${colour}`).trim()]);
  }
  for (const each of sparks) drawSpark(...each, look); // once all cards are there, each has its width
}

// --- Pictures

const hasRows = (side) => data.sides[side].rows.period.length > 0 || Object.values(data.sides[side].durations).some((each) => each.period.length > 0);
const isBlank = (figure) => (figure.form === "ranking" ? figure.ranked.length === 0 : figure.series.length === 0);

function buildPanel(panel) {
  const chart = element("div", { class: "chart", role: "img" });
  const blank = element("p", { class: "empty", hidden: "" }, "Nothing of this was measured in the selection.");
  const details = element("details", {}, element("summary", {}, "Numbers as a table"), element("div", { class: "numbers" }));
  const caption = element("figcaption", {}, element("h3", {}, panel.title), element("p", {}, panel.question));
  return element("figure", { class: "card", id: `panel-${panel.key}` }, caption, chart, blank, details);
}

function showPanel(panel, look) {
  const host = document.getElementById(`panel-${panel.key}`);
  const figure = figureOf(data, panel, selection);
  const chart = host.querySelector(".chart");
  chart.hidden = host.querySelector("details").hidden = isBlank(figure);
  host.querySelector(".empty").hidden = !isBlank(figure);
  if (isBlank(figure)) return;
  chart.setAttribute("aria-label", described(figure, panel));
  drawFigure(chart, figure, panel, labels, look);
  host.querySelector(".numbers").replaceChildren(figureTable(figure, panel, labels));
}

/** Say in words what a picture shows; all of its numbers are in the table below it. */
function described(figure, panel) {
  const what = figure.form === "ranking"
    ? figure.ranked.slice(0, 5).map((each) => `${each.label} ${written(each.value, panel.unit)}`)
    : figure.series.map((each) => `${each.label} up to ${written(Math.max(...each.values.filter((value) => value !== null)), panel.unit)}`);
  const kind = figure.form === "ranking" ? "Bars, the largest first" : `${figure.form === "bars" ? "Bars" : "Lines"} over time`;
  return `${panel.title}. ${kind}: ${what.join(", ")}. The table below has every number.`;
}

function buildSections() {
  const main = document.getElementById("figures");
  if (data.time) main.append(element("dl", { class: "headlines", id: "headlines", "aria-label": "Headlines" }));
  for (const side of SIDES.filter((each) => hasRows(each.key))) {
    const panels = data.panels.filter((panel) => panel.side === side.key && !isBlank(figureOf(data, panel, EVERYTHING)));
    main.append(element("section", { id: side.key }, element("h2", {}, side.heading), element("p", { class: "hint", hidden: "" }), element("div", { class: "panels" }, ...panels.map(buildPanel)), element("div", { class: "card one-by-one" })));
    shownPanels.push(...panels);
  }
  if (data.others.length) main.append(element("section", { id: "others" }, element("h2", {}, "Other metrics"), element("div", { class: "card" }, othersTable(data))));
  if (!main.hasChildNodes()) main.append(element("p", { class: "empty" }, "There are no metrics in this log. `flowemf check` says what is wrong with lines that were meant to hold some."));
}

const shownPanels = [];

/** Draw everything anew. */
function show() {
  if (!data.time) return;
  const look = currentLook();
  showHeadlines(document.getElementById("headlines"), look);
  for (const panel of shownPanels) showPanel(panel, look);
  document.querySelector("#flows .one-by-one")?.replaceChildren(element("h3", {}, "Flows one by one"), flowTable(data, selection));
  document.querySelector("#generations .one-by-one")?.replaceChildren(element("h3", {}, "Models one by one"), modelTable(data, selection));
  showHints();
  document.getElementById("status").textContent = statusText();
}

/** Lines of a generation do not name the flow it was part of, and the other way round: say so where it matters. */
function showHints() {
  const hints = { flows: selection.generations !== null && "The choice of a model does not narrow flows: their lines do not name one.", generations: selection.flows !== null && "The choice of a flow does not narrow models: their lines do not name one." };
  for (const [side, hint] of Object.entries(hints)) {
    const host = document.querySelector(`#${side} .hint`);
    if (host) Object.assign(host, { hidden: !hint, textContent: hint || "" });
  }
}

function statusText() {
  const share = (now, all) => (now === all ? whole.format(all) : `${whole.format(now)} of ${whole.format(all)}`);
  const parts = [];
  if (hasRows("flows")) parts.push(`${share(ended(selection), ended(EVERYTHING))} flows`);
  if (hasRows("generations")) parts.push(`${share(total("generations", "GenerationCount"), total("generations", "GenerationCount", EVERYTHING))} generations`);
  const chosen = chosenTexts();
  const only = chosen.length ? ` Only ${chosen.join(", ")}.` : "";
  return `Showing ${parts.join(" and ")}, one value every ${periodLength(data.time.step_ms)}.${only}`;
}

/** Say what was chosen: on paper nobody sees the form. */
function chosenTexts() {
  const sides = SIDES.map((side) => [side.label, data.sides[side.key].named, selection[side.key]]);
  const filters = data.filters.map((named, index) => [named.key, named, selection.filters[index]]);
  return [...sides, ...filters].filter(([, , code]) => code !== null).map(([label, named, code]) => `${label} ${labelOf(named, code)}`);
}

// --- Paper, darkness, width

function printing(begins) {
  if (isPrinting === begins) return;
  isPrinting = begins;
  document.documentElement.classList.toggle("printing", begins);
  show();
}

function watch() {
  addEventListener("beforeprint", () => printing(true));
  addEventListener("afterprint", () => printing(false));
  paper.addEventListener("change", () => printing(paper.matches));
  darkness.addEventListener("change", show);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (!isPrinting && innerWidth !== width) show(); // a phone's address bar changes the height only
    width = innerWidth;
  });
}

buildSections();
if (data.time) buildFilters();
show();
watch();
document.documentElement.dataset.ready = "true";
