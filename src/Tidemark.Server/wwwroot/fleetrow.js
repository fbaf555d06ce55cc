// A row of the fleet.

import { h } from './dom.js';
import { duration, time, withUnit } from './format.js';
import { drawSpark } from './sparks.js';

const OTHERS = 3;

/** The columns: their headers, and by what they sort. */
export const cells = [
  { text: 'Sensor', key: 'id' },
  { text: 'Value', key: 'value', className: 'number' },
  { text: 'Last day', className: 'spark' },
  { text: 'Others', className: 'others' },
  { text: 'Last reading', key: 'time', className: 'number age' },
];

export function makeRow(sensor, fleet) {
  const mark = h('input', {
    type: 'checkbox', checked: fleet.compared.has(sensor.id), 'aria-label': `Compare ${sensor.id}`, title: 'Compare',
    onchange: () => { mark.checked = fleet.mark(sensor, mark.checked) && mark.checked; },
  });
  const cell = className => h('div', { role: 'cell', class: className });
  return h('div', { role: 'row' },
    h('div', { role: 'rowheader' }, mark, h('a', { href: `#/sensor/${encodeURIComponent(sensor.id)}` }, sensor.id)),
    ...cells.slice(1).map(({ className }) => cell(className)));
}

export function updateRow(row, sensor, fleet) {
  const [, value, spark, others, age] = row.children;
  const shown = fleet.metricOf(sensor);
  setText(value, shown in sensor.values ? withUnit(sensor.values[shown], fleet.units.get(shown)) : '–');
  value.title = shown ?? '';
  drawSpark(spark, sensor.spark, shown);
  setText(others, fleet.metrics.filter(metric => metric.name !== shown && metric.name in sensor.values).slice(0, OTHERS)
    .map(metric => `${metric.name} ${withUnit(sensor.values[metric.name], metric.unit)}`).join(', '));
  const isStale = fleet.isStale(sensor);
  row.classList.toggle('stale', isStale);
  const text = `${isStale ? 'stale, ' : ''}${duration(fleet.now() - sensor.time)}`;
  if (age.textContent !== text || age.at !== sensor.time) {
    age.at = sensor.time;
    age.replaceChildren(time(sensor.time, text));
  }
}

// Nothing is laid out again where nothing changed.
function setText(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}
