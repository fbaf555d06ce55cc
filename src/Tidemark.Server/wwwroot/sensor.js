// One sensor: its last values, and all its metrics over one time axis.

import { get } from './api.js';
import { styleOf } from './chartoption.js';
import { h } from './dom.js';
import { duration, time, withUnit } from './format.js';
import { Explorer } from './explorer.js';
import { readMetrics } from './series.js';

// Of a sensor with more metrics, the first; the others are a click away.
const FIRST_METRICS = 6;

export const title = visit => visit.id;

export async function show(root, visit) {
  const { id, query, signal } = visit;
  const address = `/api/sensors/${encodeURIComponent(id)}/current`;
  const [current, known, had] = await Promise.all([get(address, {}, signal), get('/api/metrics', {}, signal), readMetrics([id], signal)]);
  const units = new Map(known.metrics.map(metric => [metric.name, metric.unit]));
  // What came since the aggregates were refreshed last counts too.
  const names = known.metrics.map(metric => metric.name).filter(name => had.includes(name) || typeof current[name] === 'number');
  const asked = query.getAll('metric').filter(name => names.includes(name));
  const first = names.slice(0, FIRST_METRICS);
  const chosen = new Set(asked.length > 0 ? asked : first);

  const view = {
    title: id,
    sensors: [id],
    get metrics() { return names.filter(name => chosen.has(name)); },
    grids: lines => view.metrics.map(name => ({
      name, unit: units.get(name), lines: lines.filter(line => line.metric === name).map(line => ({ ...line, name, ...styleOf(0) })),
    })),
    write: to => view.metrics.join() === first.join() || view.metrics.forEach(name => to.append('metric', name)),
    take: (_, at, values) => take(at, values),
  };
  const explorer = new Explorer(visit, view);
  const toggle = name => {
    // One stays.
    if (!chosen.delete(name) || chosen.size === 0) {
      chosen.add(name);
    }
    chips.forEach((chip, metric) => chip.mark(chosen.has(metric)));
    explorer.remember();
    explorer.refresh();
  };
  const chips = new Map(names.map(name => [name, chipOf(name, units.get(name), chosen.has(name), () => toggle(name))]));
  const age = h('p', { class: 'quiet' });
  let last = { at: -Infinity };
  const take = (at, values) => {
    if (at >= last.at) {
      last = { at };
      chips.forEach((chip, metric) => chip.show(values[metric]));
    }
  };
  const tick = () => {
    const text = `last reading ${duration(explorer.now() - last.at)} ago`;
    if (last.text !== text) {
      last.text = text;
      age.replaceChildren(time(last.at, text));
    }
  };
  take(Date.parse(current.time), current);
  await explorer.open(root, [
    h('div', { class: 'bar' }, h('h1', {}, id), age,
      h('a', { href: `#/compare?sensor=${encodeURIComponent(id)}`, class: 'button' }, 'Compare')),
    h('div', { role: 'group', class: 'chips', 'aria-label': 'Metrics' }, [...chips.values()].map(chip => chip.element)),
  ]);
  tick();
  const ages = setInterval(() => document.hidden || tick(), 1000);
  signal.addEventListener('abort', () => clearInterval(ages));
}

/** A metric with its last value: a click shows its chart or hides it. */
function chipOf(name, unit, isShown, toggle) {
  const last = h('strong', {}, '–');
  const element = h('button', { type: 'button', class: 'chip', 'aria-pressed': String(isShown), onclick: toggle }, `${name} `, last);
  return {
    element,
    mark: is => element.setAttribute('aria-pressed', is),
    show(number) {
      if (typeof number === 'number') {
        last.textContent = withUnit(number, unit);
      }
    },
  };
}
