// Answers the page's questions from its rows: a selection goes in, series of numbers come out. Nothing here draws.
"use strict";

const NOT_SET = -1;
const OTHERS = 0;
const MOST_GROUPS = 8;

/** Name a code: the values of a dimension begin at 1. */
function labelOf(named, code) {
  if (code === NOT_SET) return "(not set)";
  return code === OTHERS ? "(all others)" : named.values[code - 1];
}

/** Give the codes that a dimension has. */
function codesOf(named) {
  const codes = named.values.map((_, index) => index + 1);
  if (named.hasOthers) codes.push(OTHERS);
  if (named.hasNone) codes.push(NOT_SET);
  return codes;
}

/** Give the numbers of the rows that a selection leaves: {flows, generations: code or null, filters: [code or null]}. */
function selectedRows(table, sideKey, selection) {
  const wanted = [[table.name, selection[sideKey]], ...table.filters.map((column, i) => [column, selection.filters[i]])];
  const tests = wanted.filter(([, code]) => code !== null);
  const found = [];
  for (let row = 0; row < table.period.length; row++) {
    if (tests.every(([column, code]) => column[row] === code)) found.push(row);
  }
  return found;
}

/** Sum a metric by period, for each group: Map(code, or null without groups -> one number a period). */
function sumsByPeriod(data, sideKey, metric, selection, by) {
  const table = data.sides[sideKey].rows;
  const sums = new Map();
  const numbers = table.sums[metric];
  if (!numbers) return sums;
  for (const row of selectedRows(table, sideKey, selection)) {
    if (numbers[row] === 0) continue;
    const group = by ? table[by][row] : null;
    if (!sums.has(group)) sums.set(group, new Array(data.time.count).fill(0));
    sums.get(group)[table.period[row]] += numbers[row];
  }
  return sums;
}

/** Sum a metric over all periods, for each group. */
function sums(data, sideKey, metric, selection, by) {
  const byPeriod = sumsByPeriod(data, sideKey, metric, selection, by);
  return new Map([...byPeriod].map(([group, numbers]) => [group, numbers.reduce((sum, each) => sum + each, 0)]));
}

function sum(data, sideKey, metric, selection) {
  return sums(data, sideKey, metric, selection, null).get(null) ?? 0;
}

/** Gather the durations that a selection leaves, by `keyOf(table, row)`: Map(key -> [[value, count], ...] ascending). */
function durationsBy(data, sideKey, metric, selection, keyOf) {
  const table = data.sides[sideKey].durations[metric];
  const gathered = new Map();
  if (!table) return gathered;
  for (const row of selectedRows(table, sideKey, selection)) {
    const key = keyOf(table, row);
    if (!gathered.has(key)) gathered.set(key, []);
    const pairs = gathered.get(key);
    const counts = table.counts[row];
    table.values[row].forEach((value, index) => pairs.push([value, counts === 0 ? 1 : counts[index]]));
  }
  for (const pairs of gathered.values()) pairs.sort((one, other) => one[0] - other[0]);
  return gathered;
}

/** Interpolate between the two nearest ranks, as SQL's quantile_cont does over the values one by one. */
function quantile(pairs, share) {
  if (!pairs || pairs.length === 0) return null;
  const ends = [];
  let total = 0;
  for (const [, count] of pairs) ends.push((total += count));
  const rank = Math.max(0, share * (total - 1));
  const below = Math.floor(rank);
  const low = valueAt(pairs, ends, below);
  return low + (valueAt(pairs, ends, below + 1) - low) * (rank - below);
}

/** Give the value of a rank: the first one whose end lies beyond it. */
function valueAt(pairs, ends, rank) {
  let first = 0;
  let last = pairs.length - 1;
  while (first < last) {
    const middle = (first + last) >> 1;
    if (ends[middle] > rank) last = middle;
    else first = middle + 1;
  }
  return pairs[first][0];
}

const shareOf = (statistic) => Number(statistic.slice(1)) / 100;
const perPeriod = (data, valueOf) => Array.from({ length: data.time.count }, (_, period) => valueOf(period));

/** Tell what a panel shows under a selection: its form, its rows (periods or groups) and its series. */
function figureOf(data, panel, selection) {
  if (panel.by && !panel.isStacked) return rankingOf(data, panel, selection);
  const series = panel.by ? groupedSeries(data, panel, selection) : plainSeries(data, panel, selection);
  return { form: panel.isStacked ? "bars" : "lines", series: series.filter((each) => !isEmpty(each)) };
}

const isEmpty = (series) => series.values.every((value) => value === null || (value === 0 && !series.isShare));

function plainSeries(data, panel, selection) {
  if (panel.statistics[0] !== "Sum") return percentileSeries(data, panel, selection);
  const byPeriod = (metric) => sumsByPeriod(data, panel.side, metric, selection, null).get(null) ?? [];
  const whole = panel.of.map(byPeriod);
  return panel.metrics.map((metric) => {
    const numbers = byPeriod(metric);
    const share = (period) => shareAt(numbers[period] ?? 0, whole.map((each) => each[period] ?? 0));
    const value = panel.of.length ? share : (period) => numbers[period] ?? 0;
    return { id: metric, label: data.labels[metric] ?? metric, isShare: panel.of.length > 0, values: perPeriod(data, value) };
  });
}

function shareAt(number, parts) {
  const whole = parts.reduce((total, each) => total + each, 0);
  return whole > 0 ? (100 * number) / whole : null;
}

function percentileSeries(data, panel, selection) {
  const byPeriod = durationsBy(data, panel.side, panel.metrics[0], selection, (table, row) => table.period[row]);
  return panel.statistics.map((statistic) => ({
    id: statistic,
    label: statistic,
    values: perPeriod(data, (period) => quantile(byPeriod.get(period), shareOf(statistic))),
  }));
}

/** One series for each group, the largest first; those beyond the eighth together, since more cannot be told apart. */
function groupedSeries(data, panel, selection) {
  const named = panel.by === "error" ? data.errors : data.sides[panel.side].named;
  const byPeriod = sumsByPeriod(data, panel.side, panel.metrics[0], selection, panel.by);
  const codes = codesOf(named).filter((code) => byPeriod.has(code));
  const drawn = codes.length > MOST_GROUPS ? codes.slice(0, MOST_GROUPS - 1) : codes;
  const series = drawn.map((code) => ({ id: code, label: labelOf(named, code), values: byPeriod.get(code) }));
  if (codes.length > drawn.length) {
    const rest = codes.slice(drawn.length).map((code) => byPeriod.get(code));
    const together = perPeriod(data, (period) => rest.reduce((total, each) => total + each[period], 0));
    series.push({ id: OTHERS, label: `(${rest.length} others)`, values: together });
  }
  return series;
}

/** One number for each group over the whole time, the largest first. */
function rankingOf(data, panel, selection) {
  const named = data.sides[panel.side].named;
  const valueOf = panel.of.length ? shareByName(data, panel, selection) : percentileByName(data, panel, selection);
  const ranked = codesOf(named)
    .map((code) => ({ id: code, label: labelOf(named, code), value: valueOf(code) }))
    .filter((each) => each.value !== null)
    .sort((one, other) => other.value - one.value);
  return { form: "ranking", ranked };
}

function shareByName(data, panel, selection) {
  const number = sums(data, panel.side, panel.metrics[0], selection, "name");
  const parts = panel.of.map((metric) => sums(data, panel.side, metric, selection, "name"));
  return (code) => shareAt(number.get(code) ?? 0, parts.map((each) => each.get(code) ?? 0));
}

function percentileByName(data, panel, selection) {
  const byName = durationsBy(data, panel.side, panel.metrics[0], selection, (table, row) => table.name[row]);
  return (code) => quantile(byName.get(code), shareOf(panel.statistics[0]));
}
