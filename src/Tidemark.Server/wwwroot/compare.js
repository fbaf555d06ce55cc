// Up to ten sensors over each other, one metric at a time.

import { ApiError, get } from './api.js';
import { styleOf, swatch } from './chartoption.js';
import { h } from './dom.js';
import { Explorer } from './explorer.js';
import { withUnit } from './format.js';
import { writeRange } from './range.js';
import { readMetrics } from './series.js';

const MOST_SENSORS = 10;
// More ranges behind more lines would hide each other.
const MOST_RANGES = 3;
const MOST_OFFERED = 20;

export const title = () => 'Compare';

export async function show(root, visit) {
  const { query, signal } = visit;
  const sensors = [...new Set(query.getAll('sensor'))].slice(0, MOST_SENSORS);
  const [known, had] = await Promise.all([get('/api/metrics', {}, signal), sensors.length > 0 ? readMetrics(sensors, signal) : []]);
  const metrics = known.metrics.filter(metric => had.includes(metric.name));
  let metric = metrics.find(one => one.name === query.get('metric')) ?? metrics[0];
  let pointed = null;

  const lineOf = (line, place) => ({
    ...line, name: line.sensor, ...styleOf(place), faint: pointed !== null && pointed !== line.sensor,
    hidesRange: sensors.length > MOST_RANGES && pointed !== line.sensor,
  });
  const view = {
    sensors,
    get title() { return `${metric?.name} of ${sensors.join(', ')}`; },
    get metrics() { return metric ? [metric.name] : []; },
    grids: lines => metric ? [{ ...metric, lines: lines.map(line => lineOf(line, sensors.indexOf(line.sensor))) }] : [],
    write: to => {
      sensors.forEach(sensor => to.append('sensor', sensor));
      to.set('metric', metric?.name ?? '');
    },
  };
  const explorer = new Explorer(visit, view);
  const point = sensor => {
    pointed = sensor;
    explorer.draw();
  };
  // The view of other sensors is another one: the browser leads back from it.
  const go = others => {
    const to = new URLSearchParams();
    others.forEach(sensor => to.append('sensor', sensor));
    to.set('metric', metric?.name ?? '');
    writeRange(explorer.range, to);
    location.hash = `#/compare?${to}`;
  };
  const choice = h('select', {
    'aria-label': 'Metric',
    onchange: () => {
      metric = metrics[choice.selectedIndex];
      explorer.remember();
      explorer.refresh();
    },
  }, metrics.map(one => h('option', { selected: one === metric }, one.name)));
  await explorer.open(root, [
    h('div', { class: 'bar' }, h('h1', {}, 'Compare'), metrics.length > 0 && choice,
      sensors.length < MOST_SENSORS && adder(visit, sensors, sensor => go([...sensors, sensor]))),
    h('ul', { class: 'legend', 'aria-label': 'Sensors' }, sensors.map((sensor, place) =>
      entry(sensor, styleOf(place), point, () => go(sensors.filter(one => one !== sensor))))),
  ]);
}

/** A sensor that is shown, with its line's look: pointing at one lets the others fade. */
const entry = (sensor, style, point, remove) => h('li', { onpointerenter: () => point(sensor), onpointerleave: () => point(null) },
  swatch(style),
  h('a', { href: `#/sensor/${encodeURIComponent(sensor)}`, onfocus: () => point(sensor), onblur: () => point(null) }, sensor),
  h('button', { type: 'button', 'aria-label': `Remove ${sensor}`, title: 'Remove', onclick: remove }, '×'));

/** A field for one more sensor, with ids that begin as what is typed. */
function adder(visit, sensors, add) {
  const offers = h('datalist', { id: 'sensors-known' });
  const field = h('input', {
    type: 'search', list: 'sensors-known', placeholder: 'Add a sensor', 'aria-label': 'Add a sensor',
    autocomplete: 'off', spellcheck: 'false',
  });
  const error = h('p', { class: 'error', role: 'status' });
  let known = null;
  const offer = async () => {
    known ??= get('/api/sensors', {}, visit.signal).then(answer => answer.sensors.map(sensor => sensor.sensor_id), () => []);
    const words = field.value.toLowerCase();
    const found = (await known).filter(id => id.toLowerCase().includes(words) && !sensors.includes(id)).slice(0, MOST_OFFERED);
    offers.replaceChildren(...found.map(id => h('option', { value: id })));
  };
  field.addEventListener('focus', offer);
  field.addEventListener('input', offer);
  return h('form', {
    class: 'adder',
    onsubmit: async event => {
      event.preventDefault();
      const id = field.value.trim();
      error.textContent = sensors.includes(id) ? `${id} is shown already` : '';
      if (id === '' || error.textContent !== '') {
        return;
      }
      try {
        await get(`/api/sensors/${encodeURIComponent(id)}/current`, {}, visit.signal);
        field.value = '';
        add(id);
      } catch (failure) {
        if (!(failure instanceof ApiError) || failure.status !== 404) {
          visit.fail(failure);
        } else {
          error.textContent = failure.message;
        }
      }
    },
  }, field, offers, h('button', { type: 'submit' }, 'Add'), error);
}
