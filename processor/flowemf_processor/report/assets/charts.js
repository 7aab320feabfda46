// Draws figures with Apache ECharts: a figure and a look go in, a picture that can be told without colour comes out.
"use strict";

const RANKED = 12;
const FEW = 5;
const ROW_HEIGHT = 27;
const LEGEND_TEXT = 170;
const LEGEND_LINE = 21;
const DASHES = ["solid", "dashed", "dotted", [9, 3, 2, 3], [2, 5], [12, 4]];
const MARKS = ["circle", "rect", "triangle", "diamond", "emptyCircle", "emptyRect"];
const DECALS = [
  { symbol: "none" },
  { dashArrayX: [1, 0], dashArrayY: [3, 5], rotation: Math.PI / 4 },
  { symbol: "circle", symbolSize: 0.75, dashArrayX: [[6, 6], [0, 6, 6, 0]], dashArrayY: [5, 0] },
  { dashArrayX: [1, 0], dashArrayY: [3, 5], rotation: -Math.PI / 4 },
  { dashArrayX: [1, 0], dashArrayY: [2, 5] },
  { symbol: "rect", symbolSize: 0.7, dashArrayX: [[5, 5], [0, 5, 5, 0]], dashArrayY: [4, 0] },
  { dashArrayX: [1, 0], dashArrayY: [2, 5], rotation: Math.PI / 2 },
  { symbol: "triangle", symbolSize: 0.9, dashArrayX: [[9, 9], [0, 9, 9, 0]], dashArrayY: [7, 2] },
];

/** Give each series one colour wherever it appears: outcomes and percentiles theirs, names by their place. */
function colourOf(look, id, index) {
  if (look.roles[id]) return look.roles[id];
  const place = Number.isInteger(id) ? (id >= 1 ? id - 1 : look.palette.length - 1) : index;
  return look.palette[place % look.palette.length];
}

function decalOf(look, id, index) {
  if (!look.patterns) return undefined;
  const place = Number.isInteger(id) ? (id >= 1 ? id - 1 : DECALS.length - 1) : index;
  return { color: look.pattern, ...DECALS[place % DECALS.length] };
}

function commonOption(look, unit) {
  return {
    animation: false,
    aria: { enabled: true, label: { enabled: false }, decal: { show: false } },
    textStyle: { fontFamily: look.font, color: look.ink },
    grid: { left: 4, right: 12, top: 38, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    tooltip: {
      trigger: "axis",
      confine: true,
      axisPointer: { type: "shadow", shadowStyle: { color: look.shadow } },
      backgroundColor: look.card,
      borderColor: look.line,
      textStyle: { color: look.ink, fontSize: 13, fontFamily: look.font },
      valueFormatter: (value) => written(value, unit),
    },
  };
}

const axisStyle = (look) => ({
  axisLine: { lineStyle: { color: look.line } },
  axisTick: { show: false },
  axisLabel: { color: look.muted, fontSize: 11, hideOverlap: true, fontFamily: look.font },
  splitLine: { lineStyle: { color: look.line } },
});

const valueAxis = (look, unit, most) => ({
  ...axisStyle(look),
  type: "value",
  min: 0,
  splitNumber: 4,
  ...(unit === "Percent" && most > 50 ? { max: 100, interval: 25 } : {}),
  minInterval: unit === "Count" ? 1 : 0,
  axisLabel: { ...axisStyle(look).axisLabel, formatter: (value) => (unit === "Percent" ? `${value} %` : written(value, unit)) },
});

/** How many lines the legend needs: text is about seven pixels a letter wide, and never wider than its limit. */
function legendLines(series, width) {
  let lines = 1;
  let used = 0;
  for (const { label } of series) {
    const needed = 44 + Math.min(LEGEND_TEXT, 7.5 * label.length);
    if (used > 0 && used + needed > width) {
      lines += 1;
      used = 0;
    }
    used += needed;
  }
  return lines;
}

/** Series over periods: bars that stand on each other, or lines. */
function overTimeOption(figure, panel, labels, look, width) {
  const most = Math.max(...figure.series.flatMap((each) => each.values.map((value) => value ?? 0)));
  const common = commonOption(look, panel.unit);
  const series = figure.series.map((each, index) => (figure.form === "bars" ? bars : line)(each, index, look));
  return {
    ...common,
    grid: { ...common.grid, top: 18 + LEGEND_LINE * legendLines(figure.series, width) },
    legend: {
      left: 0,
      top: 0,
      itemWidth: 26,
      itemHeight: 12,
      textStyle: { color: look.ink, fontSize: 12, fontFamily: look.font, width: LEGEND_TEXT, overflow: "truncate" },
      inactiveColor: look.muted,
    },
    xAxis: { ...axisStyle(look), type: "category", data: labels, splitLine: { show: false }, boundaryGap: figure.form === "bars" },
    yAxis: valueAxis(look, panel.unit, most),
    series,
  };
}

const bars = (series, index, look) => ({
  type: "bar",
  stack: "all",
  name: series.label,
  data: series.values,
  barCategoryGap: "22%",
  barMaxWidth: 56,
  itemStyle: {
    color: colourOf(look, series.id, index),
    decal: decalOf(look, series.id, index),
    borderColor: look.card,
    borderWidth: 0.5,
  },
  emphasis: { disabled: true },
});

const line = (series, index, look) => ({
  type: "line",
  name: series.label,
  data: series.values,
  connectNulls: false,
  showSymbol: look.patterns || series.values.length < 3 || hasLonelyPoint(series.values),
  symbol: MARKS[index % MARKS.length],
  symbolSize: 5,
  lineStyle: { width: 2, color: colourOf(look, series.id, index), type: DASHES[index % DASHES.length] },
  itemStyle: { color: colourOf(look, series.id, index) },
  emphasis: { disabled: true },
});

/** A point between gaps has no line that would show it. */
function hasLonelyPoint(values) {
  return values.some((value, i) => value !== null && (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null);
}

/** One bar for each group, the largest on top. */
function rankingOption(figure, panel, look) {
  const ranked = figure.ranked.slice(0, RANKED);
  const label = { show: true, position: "right", color: look.ink, fontSize: 11, fontFamily: look.font };
  return {
    ...commonOption(look, panel.unit),
    grid: { left: 4, right: 64, top: 4, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: { ...valueAxis(look, panel.unit, 0), show: false },
    yAxis: {
      ...axisStyle(look),
      type: "category",
      inverse: true,
      data: ranked.map((each) => each.label),
      axisLabel: { color: look.ink, fontSize: 12, width: 130, overflow: "truncate", fontFamily: look.font },
    },
    series: [
      {
        type: "bar",
        name: panel.title,
        data: ranked.map((each) => each.value),
        barMaxWidth: 16,
        itemStyle: { color: look.roles[panel.metrics[0]] ?? look.palette[0], borderRadius: [0, 3, 3, 0] },
        label: { ...label, formatter: (point) => written(point.value, panel.unit) },
        emphasis: { disabled: true },
      },
    ],
  };
}

/** Draw a figure into an element, in place of what was drawn there before. */
function drawFigure(element, figure, panel, labels, look) {
  const width = look.width ?? element.clientWidth;
  if (figure.form !== "ranking") {
    const lines = legendLines(figure.series, width);
    draw(element, overTimeOption(figure, panel, labels, look, width), width, look.height + LEGEND_LINE * (lines - 1));
    return;
  }
  const needed = Math.min(figure.ranked.length, RANKED) * ROW_HEIGHT + 14;
  draw(element, rankingOption(figure, panel, look), width, figure.ranked.length < FEW ? needed : Math.max(needed, look.height));
}

/** Draw a curve without axes, as wide as its card. */
function drawSpark(element, values, colour, look) {
  const option = {
    animation: false,
    grid: { left: 2, right: 2, top: 3, bottom: 2 },
    xAxis: { type: "category", show: false, boundaryGap: false, data: values.map((_, index) => index) },
    yAxis: { type: "value", show: false, min: (extent) => (extent.min > 0.5 * extent.max ? extent.min - 0.2 * (extent.max - extent.min) : 0) },
    series: [{ type: "line", data: values, showSymbol: false, silent: true, lineStyle: { width: 1.5, color: colour }, areaStyle: { color: colour, opacity: 0.12 } }],
  };
  draw(element, option, look.sparkWidth ?? element.clientWidth, 36);
}

function draw(element, option, width, height) {
  element.style.height = `${height}px`;
  const chart = echarts.getInstanceByDom(element) ?? echarts.init(element, null, { renderer: "svg", width, height });
  chart.resize({ width, height });
  chart.setOption(option, { notMerge: true });
  // With a view box, paper of any width gets the whole picture.
  element.querySelector("svg")?.setAttribute("viewBox", `0 0 ${width} ${height}`);
}
