// What ECharts draws: a grid for each metric, the lines in it, and what stands at the pointer.

import { color, h } from './dom.js';
import { dateTime, value, withUnit, zoneName } from './format.js';
import { gapOf } from './series.js';

/** The space around a plot in its grid, in pixels. */
export const PLOT = { left: 64, right: 14, top: 34, bottom: 30 };
const ROOM = 560;
const [LOWEST, HIGHEST] = [150, 400];
// So few points get dots.
const FEW = 60;
const TIMES = {
  year: '{yyyy}', month: '{MMM} {yyyy}', day: '{d} {MMM}', hour: '{HH}:{mm}', minute: '{HH}:{mm}', second: '{HH}:{mm}:{ss}',
  millisecond: '{HH}:{mm}:{ss}.{SSS}',
};

/** Colours that differ for who sees some alike, and in grey; the second five lines are dashed. */
export const styleOf = place => ({ color: `--series-${(place % 5) + 1}`, dashed: place % 10 >= 5 });

/** How high each of some grids is. */
export const heightOf = grids => Math.round(Math.max(LOWEST, Math.min(HIGHEST, ROOM / grids)));

export function optionOf({ grids, ends, width, text }) {
  const [ink, quiet, line, panel] = ['--ink', '--quiet', '--line', '--panel'].map(color);
  const height = heightOf(grids.length);
  return {
    animation: false,
    useUTC: zoneName() === 'UTC',
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    aria: { enabled: true, label: { description: text } },
    axisPointer: { link: [{ xAxisIndex: 'all' }], lineStyle: { color: quiet }, label: { show: false } },
    tooltip: {
      trigger: 'axis', confine: true, transitionDuration: 0,
      backgroundColor: panel, borderColor: line, textStyle: { color: ink, fontSize: 13 },
      formatter: points => describe(points, grids, width),
    },
    grid: grids.map((_, place) => ({
      id: `g${place}`, left: PLOT.left, right: PLOT.right, top: place * height + PLOT.top, height: height - PLOT.top - PLOT.bottom,
    })),
    xAxis: grids.map((_, place) => ({
      id: `x${place}`, gridIndex: place, type: 'time', min: ends.from, max: ends.to,
      axisLine: { onZero: false, lineStyle: { color: line } }, axisTick: { lineStyle: { color: line } },
      splitLine: { show: true, lineStyle: { color: line, opacity: 0.5 } },
      axisLabel: { color: quiet, hideOverlap: true, formatter: TIMES },
    })),
    yAxis: grids.map((grid, place) => ({
      id: `y${place}`, gridIndex: place, scale: true, splitNumber: 3, ...limits(grid, ends),
      name: grid.unit ? `${grid.name}, ${grid.unit}` : grid.name,
      nameTextStyle: { color: ink, fontWeight: 600, align: 'left', padding: [0, 0, 0, 12 - PLOT.left] },
      axisLabel: { color: quiet, formatter: value, showMinLabel: false, showMaxLabel: false }, splitLine: { lineStyle: { color: line } },
    })),
    series: grids.flatMap((grid, place) => grid.lines.flatMap(one => seriesOf(one, place, width))),
  };
}

/** The least and the greatest value between the ends, with some air; what lies in the margins doesn't count. */
function limits(grid, ends) {
  let [low, high] = [Infinity, -Infinity];
  for (const { times, values, lows, highs, hidesRange } of grid.lines) {
    for (let i = 0; i < times.length; i++) {
      if (times[i] >= ends.from && times[i] <= ends.to) {
        low = Math.min(low, hidesRange || lows === null ? values[i] : lows[i]);
        high = Math.max(high, hidesRange || highs === null ? values[i] : highs[i]);
      }
    }
  }
  const air = (high - low) * 0.06 || Math.abs(high) * 0.01 || 1;
  return low > high ? {} : { min: low - air, max: high + air };
}

/** A line, and behind it the range between the least and the greatest values of its buckets. */
function seriesOf(line, grid, width) {
  const gap = gapOf(line, width);
  const paint = color(line.color);
  const id = `${grid} ${line.name}`;
  const common = { type: 'line', xAxisIndex: grid, yAxisIndex: grid, symbol: 'none', emphasis: { disabled: true } };
  const own = {
    ...common, id, name: line.name, z: 3, data: pointsOf(line, gap, line.values, true), itemStyle: { color: paint },
    lineStyle: { width: 1.6, color: paint, type: line.dashed ? [6, 4] : 'solid', opacity: line.faint ? 0.25 : 1 },
  };
  if (line.highs === null || line.faint || line.hidesRange) {
    return [own];
  }
  const spans = line.highs.map((high, place) => high - line.lows[place]);
  const band = { ...common, silent: true, lineStyle: { opacity: 0 }, stack: id, stackStrategy: 'all', tooltip: { show: false } };
  return [
    { ...band, id: `${id} low`, data: pointsOf(line, gap, line.lows) },
    { ...band, id: `${id} span`, data: pointsOf(line, gap, spans), areaStyle: { color: paint, opacity: 0.2 } },
    own,
  ];
}

// A null breaks the line. A point alone has no line: a dot shows it, and so do points that are few.
function pointsOf({ times }, gap, values, withDots = false) {
  const points = [];
  const isFew = times.length <= FEW;
  for (let i = 0; i < times.length; i++) {
    const isAfter = i > 0 && times[i] - times[i - 1] > gap;
    const isBefore = i + 1 < times.length && times[i + 1] - times[i] > gap;
    if (isAfter) {
      points.push([times[i - 1] + 1, null]);
    }
    const point = [times[i], values[i]];
    const isAlone = (isAfter || i === 0) && (isBefore || i + 1 === times.length);
    points.push(withDots && (isAlone || isFew) ? { value: point, symbol: 'circle', symbolSize: 4 } : point);
  }
  return points;
}

/** What stands at the pointer: the time, and each line's value with its range. */
function describe(points, grids, width) {
  const lines = new Map(grids.flatMap((grid, place) => grid.lines.map(line => [`${place} ${line.name}`, { ...line, unit: grid.unit }])));
  const known = points.filter(point => lines.has(point.seriesId) && point.value[1] !== null);
  if (known.length === 0) {
    return '';
  }
  const from = known[0].value[0];
  return [h('table', { class: 'tip' },
    h('caption', {}, width === null ? dateTime(from) : `${dateTime(from)} – ${dateTime(from + width)}`),
    h('tbody', {}, known.map(point => {
      const line = lines.get(point.seriesId);
      const place = line.times.indexOf(point.value[0]);
      return h('tr', {}, h('th', {}, swatch(line), line.name), h('td', {}, withUnit(line.values[place], line.unit)),
        line.highs !== null && h('td', { class: 'quiet' }, `${value(line.lows[place])} … ${value(line.highs[place])}`));
    })))];
}

/** A piece of a line, as it is drawn. */
export function swatch(line) {
  const piece = h('i', { class: line.dashed ? 'swatch dashed' : 'swatch', 'aria-hidden': 'true' });
  piece.style.borderColor = `var(${line.color})`;
  return piece;
}
