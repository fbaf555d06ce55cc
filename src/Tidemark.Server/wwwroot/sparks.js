// The last day of the sensors in sight as lines, many in one question.

import { get, list } from './api.js';
import { svg } from './dom.js';
import { value } from './format.js';

const MOST_SENSORS = 100;
const POINTS = 96;
const DAY = 86_400_000;
const KEPT = 5 * 60_000;
const WAIT = 120;
const [WIDTH, HEIGHT] = [120, 24];

export class Sparks {
  #timer;

  /**
   * @param now tells the server's time.
   * @param onDrawn called with the sensors whose lines have come.
   */
  constructor({ signal, now, onDrawn }) {
    Object.assign(this, { signal, now, onDrawn });
    signal.addEventListener('abort', () => clearTimeout(this.#timer));
  }

  /** Asks for the lines of sensors that have none of that metric, or an old one, once nobody scrolls any more. */
  ask(sensors, metricOf) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#load(sensors, metricOf), WAIT);
  }

  async #load(sensors, metricOf) {
    const byMetric = new Map();
    for (const sensor of sensors) {
      const metric = metricOf(sensor);
      if (metric !== undefined && !(sensor.spark?.metric === metric && this.now() - sensor.spark.until < KEPT)) {
        byMetric.set(metric, [...byMetric.get(metric) ?? [], sensor]);
      }
    }
    await Promise.all([...byMetric].map(([metric, some]) => this.#loadMetric(metric, some.slice(0, MOST_SENSORS))));
  }

  async #loadMetric(metric, sensors) {
    try {
      const answer = await get('/api/series', {
        sensors: list(sensors.map(sensor => sensor.id)), metrics: metric, period: '1d', points: POINTS, fn: 'avg', time_format: 'ms',
      }, this.signal);
      const until = this.now();
      for (const sensor of sensors) {
        const series = answer.series.find(one => one.sensor_id === sensor.id);
        sensor.spark = { metric, until, times: series?.time ?? [], values: Object.values(series?.values ?? {})[0] ?? [] };
      }
      this.onDrawn(sensors);
    } catch {
      // A line more or less: the table stays, and the next look asks again.
    }
  }
}

// The usual time between two points; those that are much further from each other are not joined.
function spacing(points) {
  const gaps = points.slice(1).map(([time], place) => time - points[place][0]).sort((a, b) => a - b);
  return gaps[Math.floor(gaps.length / 2)] ?? DAY;
}

/** Draws a line into a cell; one that is drawn already stays. */
export function drawSpark(cell, spark, metric) {
  if (spark === undefined || spark.metric !== metric || cell.drawn === spark) {
    return;
  }
  cell.drawn = spark;
  const points = spark.times.map((time, place) => [time, spark.values[place]]).filter(([, y]) => y !== null);
  if (points.length === 0) {
    cell.replaceChildren();
    return;
  }
  const ys = points.map(([, y]) => y);
  const [low, high] = [Math.min(...ys), Math.max(...ys)];
  const from = spark.until - DAY;
  const x = time => (((time - from) / DAY) * WIDTH).toFixed(1);
  const y = number => (HEIGHT - 2 - (high === low ? 0.5 : (number - low) / (high - low)) * (HEIGHT - 4)).toFixed(1);
  const most = 3 * spacing(points);
  let last = -Infinity;
  // A single point is a dot.
  const path = points.length === 1 ? `M${x(points[0][0])} ${y(points[0][1])}h.1` : points.map(([time, number]) => {
    const step = time - last > most ? 'M' : 'L';
    last = time;
    return `${step}${x(time)} ${y(number)}`;
  }).join('');
  cell.replaceChildren(svg('svg', {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': `${metric} from ${value(low)} to ${value(high)}`,
  }, svg('path', { d: path })));
}
