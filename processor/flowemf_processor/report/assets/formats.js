// Writes numbers and times as people read them: a number and its unit go in, a short text comes out.
"use strict";

const NOTHING = "–";
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const threeDigits = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

/** Write a number in its unit, as short as it stays clear. */
function written(value, unit) {
  if (value === null || value === undefined) return NOTHING;
  if (unit === "Percent") return value !== 0 && value < 0.1 ? "<0.1 %" : `${value.toFixed(value < 99.95 ? 1 : 0)} %`;
  if (unit === "Milliseconds") return duration(value);
  if (unit === "None") return money(value);
  return value >= 100000 ? compact.format(value) : Number.isInteger(value) ? whole.format(value) : threeDigits.format(value);
}

function duration(ms) {
  if (ms < 1000) return `${threeDigits.format(ms)} ms`;
  if (ms < 120000) return `${threeDigits.format(ms / 1000)} s`;
  return `${threeDigits.format(ms / 60000)} min`;
}

function money(dollars) {
  if (dollars === 0) return "$0";
  return dollars < 1 ? `$${dollars.toPrecision(2)}` : `$${dollars >= 1000 ? whole.format(dollars) : dollars.toFixed(2)}`;
}

const twoDigits = (number) => String(number).padStart(2, "0");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY_MS = 24 * 3600 * 1000;

/** Name the periods on an axis: times of day within a day, days where periods are days, both in between. */
function periodLabels(time) {
  const spansDays = Math.floor(time.start_ms / DAY_MS) !== Math.floor((time.start_ms + (time.count - 1) * time.step_ms) / DAY_MS);
  return Array.from({ length: time.count }, (_, index) => {
    const moment = new Date(time.start_ms + index * time.step_ms);
    const clock = `${twoDigits(moment.getUTCHours())}:${twoDigits(moment.getUTCMinutes())}`;
    const seconds = time.step_ms < 60000 ? `:${twoDigits(moment.getUTCSeconds())}` : "";
    const day = `${moment.getUTCDate()} ${MONTHS[moment.getUTCMonth()]}`;
    if (time.step_ms >= 28 * DAY_MS) return `${day} ${moment.getUTCFullYear()}`;
    if (time.step_ms >= DAY_MS) return day;
    return spansDays ? `${day} ${clock}${seconds}` : `${clock}${seconds}`;
  });
}

/** Say how long a period is. */
function periodLength(stepMs) {
  const units = [[DAY_MS, "day"], [3600000, "hour"], [60000, "minute"], [1000, "second"]];
  const [length, name] = units.find(([each]) => stepMs >= each);
  const count = stepMs / length;
  return count === 1 ? name : `${count} ${name}s`;
}
