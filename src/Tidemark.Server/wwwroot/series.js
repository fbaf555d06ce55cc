// What charts show: one question to /api/series, and its answer as lines.

import { address, get, list } from './api.js';
import { zoneName } from './format.js';

// Beyond what is shown, so that a line goes on to the edge and a small move shows no emptiness.
const MARGIN = 0.25;
// A line shows more points than it has pixels, and a day by the minute is readings on a phone, too. Many lines over each other are calmer.
const ALONE = { fewest: 1500, perPixel: 1.25 };
const CROWDED = { fewest: 500, perPixel: 0.4 };
const [CROWD, MOST_POINTS] = [4, 20_000];
const HOUR = 3_600_000;
const WIDTHS = { second: 1000, minute: 60_000, hour: HOUR, day: 24 * HOUR, week: 168 * HOUR, month: 31 * 24 * HOUR, year: 366 * 24 * HOUR };
const UNITS = { second: 's', minute: 'm', hour: 'h', day: 'd', week: 'w', month: 'mo', year: 'y' };

/**
 * Asks for what a chart of some pixels' width shows.
 * @param shown { sensors, metrics, ends }; no metrics for all that the sensors have.
 */
export async function ask(shown, pixels, signal) {
  const { from, to } = shown.ends;
  const { fewest, perPixel } = shown.sensors.length < CROWD ? ALONE : CROWDED;
  const points = Math.max(fewest, perPixel * pixels) * (1 + 2 * MARGIN);
  const margin = Math.round((to - from) * MARGIN);
  const answer = await get('/api/series', {
    ...parameters(shown), from: from - margin, to: to + margin, time_format: 'ms', points: Math.min(Math.round(points), MOST_POINTS),
  }, signal);
  return { ...answer, lines: linesOf(answer), width: widthOf(answer.bucket) };
}

/** Where what is shown lies as CSV: the same question, with the bucket that was the answer to it. */
export function csvAddress(shown, bucket) {
  const [from, to] = [shown.ends.from, shown.ends.to].map(instant => new Date(instant).toISOString());
  return address('/api/series', { ...parameters(shown), from, to, bucket: codeOf(bucket), format: 'csv' });
}

const parameters = ({ sensors, metrics, ends }) => ({
  sensors: list(sensors), metrics: metrics.join(), fn: 'avg,min,max', tz: zoneOf(ends),
});

/** The metrics of which sensors ever had a value that aggregates know of. */
export async function readMetrics(sensors, signal) {
  const answer = await get('/api/series', { sensors: list(sensors), from: 0, bucket: '1y', fn: 'count', time_format: 'ms' }, signal);
  const counts = answer.series.flatMap(one => Object.entries(one.values));
  return [...new Set(counts.filter(([, values]) => values.some(number => number > 0)).map(([name]) => name.slice('count_'.length)))];
}

// Days are those of the zone that is shown. Where that isn't whole hours from UTC, its hours are not those of aggregates: a year would be
// made of each reading in it.
function zoneOf({ from, to }) {
  const zone = zoneName();
  const isWhole = instant => {
    const minutes = new Intl.DateTimeFormat('en', { timeZone: zone, minute: 'numeric' }).format(instant);
    return Number(minutes) === new Date(instant).getUTCMinutes();
  };
  return isWhole(from) && isWhole(to) ? zone : 'UTC';
}

// '15 minutes' is what a bucket is called in an answer, '15m' in a question.
function partsOf(bucket) {
  const [number, unit] = bucket.split(' ');
  return [Number(number), unit?.replace(/s$/, '')];
}

/** The span of a point in milliseconds; null for readings. */
function widthOf(bucket) {
  const [number, unit] = partsOf(bucket);
  return WIDTHS[unit] * number || null;
}

function codeOf(bucket) {
  const [number, unit] = partsOf(bucket);
  return UNITS[unit] ? `${number}${UNITS[unit]}` : bucket;
}

/** A line for each metric of each sensor: { sensor, metric, times, values, lows, highs }; readings have no lows and highs. */
function linesOf(answer) {
  const lines = new Map();
  const isRaw = answer.bucket === 'raw';
  // A long series comes in several parts.
  for (const part of answer.series) {
    for (const column of Object.keys(part.values).filter(name => isRaw || name.startsWith('avg_'))) {
      const metric = isRaw ? column : column.slice('avg_'.length);
      const key = JSON.stringify([part.sensor_id, metric]);
      if (!lines.has(key)) {
        lines.set(key, { sensor: part.sensor_id, metric, times: [], values: [], lows: isRaw ? null : [], highs: isRaw ? null : [] });
      }
      append(lines.get(key), part, column, metric);
    }
  }
  return [...lines.values()].filter(line => line.times.length > 0);
}

// A null is no gap: a reading may have other metrics alone.
function append(line, part, column, metric) {
  part.values[column].forEach((value, place) => {
    if (value !== null) {
      line.times.push(part.time[place]);
      line.values.push(value);
      line.lows?.push(part.values[`min_${metric}`][place]);
      line.highs?.push(part.values[`max_${metric}`][place]);
    }
  });
}

/** Adds a reading to a line of readings, in its place; one that is there already gets its value. */
export function insert(line, time, value) {
  let place = line.times.length;
  while (place > 0 && line.times[place - 1] >= time) {
    place--;
  }
  const known = line.times[place] === time ? 1 : 0;
  line.times.splice(place, known, time);
  line.values.splice(place, known, value);
}

/**
 * The distance beyond which two points of a line have a gap between them: where buckets are missing, but not because the sensor sends less
 * often than they are wide, or readings come else far closer.
 */
export function gapOf(line, width) {
  const steps = line.times.slice(1).map((time, place) => time - line.times[place]).sort((a, b) => a - b);
  const usual = steps[Math.floor(0.9 * (steps.length - 1))] ?? Infinity;
  return width === null ? 3 * usual : 1.5 * Math.max(width, Number.isFinite(usual) ? usual : 0);
}
