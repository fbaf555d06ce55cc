// Every sensor in one table: stale ones on top, search as you type, the last day as a line.

import { get } from './api.js';
import { h } from './dom.js';
import { count } from './format.js';
import { cells, makeRow, updateRow } from './fleetrow.js';
import { Live } from './live.js';
import { Rows, sortHeader } from './rows.js';
import { Sparks } from './sparks.js';

const POLL = 10_000;
// A large fleet is asked for less often: at most a twentieth of the time goes into it.
const SHARE = 20;
const MOST_COMPARED = 10;

export const title = () => 'Fleet';

export async function show(root, visit) {
  const fleet = new Fleet(visit);
  await fleet.load();
  root.replaceChildren(...fleet.elements());
  fleet.arrange();
  fleet.follow();
}

class Fleet {
  constructor(visit) {
    const { query } = visit;
    this.visit = visit;
    this.search = query.get('q') ?? '';
    this.metric = query.get('metric') ?? '';
    this.onlyStale = query.has('stale');
    this.sort = { key: query.get('sort') ?? 'state', down: query.has('down') };
    this.sensors = [];
    this.compared = new Set();
    this.sparks = new Sparks({
      signal: visit.signal, now: () => this.now(), onDrawn: sensors => sensors.forEach(sensor => this.rows.refreshOne(sensor)),
    });
    this.live = new Live({
      signal: visit.signal, onReading: reading => this.take(reading), onOpen: sensors => this.catchUp(sensors),
    });
  }

  /** The server's time: ages don't depend on the clock of who looks. */
  now() {
    return Date.now() + this.ahead;
  }

  async load() {
    const begin = performance.now();
    const answer = await get('/api/sensors/current', {}, this.visit.signal);
    this.ahead = Date.parse(answer.now) - Date.now();
    this.metrics = answer.metrics;
    this.units = new Map(answer.metrics.map(metric => [metric.name, metric.unit]));
    const known = new Map(this.sensors.map(sensor => [sensor.id, sensor]));
    this.sensors = answer.sensors.map(sensor => {
      const one = known.get(sensor.sensor_id) ?? { id: sensor.sensor_id, words: sensor.sensor_id.toLowerCase() };
      return Object.assign(one, { time: Date.parse(sensor.time), staleAfter: sensor.stale_after_s * 1000, values: sensor.values });
    });
    this.took = performance.now() - begin;
  }

  async reload() {
    try {
      await this.load();
      this.arrange();
    } catch (error) {
      this.visit.fail(error);
    }
  }

  /** What these sensors wrote before their readings came by themselves. */
  async catchUp(sensors) {
    try {
      const answer = await get('/api/sensors/current', { sensors }, this.visit.signal);
      answer.sensors.forEach(({ sensor_id, time, values }) => this.take({ sensor_id, time, ...values }));
    } catch (error) {
      this.visit.fail(error);
    }
  }

  elements() {
    this.found = h('p', { class: 'quiet', role: 'status' });
    this.stale = h('button', { type: 'button', class: 'toggle', onclick: () => this.change({ onlyStale: !this.onlyStale }) });
    this.compare = h('a', { class: 'button', hidden: true });
    const search = h('input', {
      type: 'search', placeholder: 'Search sensors', value: this.search, autocomplete: 'off', spellcheck: 'false',
      'aria-label': 'Search sensors', title: 'Parts of an id, with spaces between; press / to come here',
      oninput: () => this.change({ search: search.value }),
    });
    const metric = h('select', { 'aria-label': 'Metric', onchange: () => this.change({ metric: metric.value }) },
      h('option', { value: '' }, 'First metric'), this.metrics.map(one => h('option', { value: one.name, selected: one.name === this.metric }, one.name)));
    addEventListener('keydown', event => {
      if (event.key === '/' && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
        event.preventDefault();
        search.select();
      }
    }, { signal: this.visit.signal });
    this.head = h('div', { role: 'rowgroup', class: 'head' });
    this.body = h('div', { role: 'rowgroup', class: 'body' });
    this.table = h('div', { role: 'table', class: 'fleet', 'aria-label': 'Sensors' }, this.head, this.body);
    this.none = h('div', {});
    this.rows = new Rows(this.body, {
      make: sensor => makeRow(sensor, this), update: (row, sensor) => updateRow(row, sensor, this),
      onShown: sensors => {
        this.sparks.ask(sensors, sensor => this.metricOf(sensor));
        this.live.watch(sensors.map(sensor => sensor.id));
      },
      signal: this.visit.signal,
    });
    return [
      h('div', { class: 'bar' }, h('h1', {}, 'Fleet'), search, this.metrics.length > 1 && metric, this.stale, this.compare, this.found),
      this.table, this.none,
    ];
  }

  /** The metric that a sensor's row shows: the chosen one, or the first that it has a value of. */
  metricOf(sensor) {
    return this.metric !== '' ? this.metric : this.metrics.find(metric => metric.name in sensor.values)?.name;
  }

  isStale(sensor) {
    return this.now() - sensor.time > sensor.staleAfter;
  }

  change(what) {
    Object.assign(this, what);
    this.remember();
    this.arrange();
  }

  /** Shows a reading that was committed just now; one that is older than what is shown changes nothing. */
  take({ sensor_id: id, time, ...values }) {
    const sensor = this.rows.shown.find(one => one.id === id);
    if (sensor !== undefined && Date.parse(time) >= sensor.time) {
      const known = Object.entries(values).filter(([, number]) => number !== null);
      Object.assign(sensor, { time: Date.parse(time), values: Object.fromEntries(known) });
      this.rows.refreshOne(sensor);
    }
  }

  /** Filters and sorts. */
  arrange() {
    const words = this.search.toLowerCase().split(/\s+/).filter(word => word !== '');
    const found = this.sensors.filter(sensor => words.every(word => sensor.words.includes(word)));
    const stale = found.filter(sensor => this.isStale(sensor));
    const shown = this.onlyStale ? stale : found;
    const order = this.orders()[this.sort.key] ?? byId;
    shown.sort(this.sort.down ? (a, b) => order(b, a) : order);
    this.found.textContent = words.length === 0
      ? `${count(found.length)} sensors`
      : `${count(found.length)} of ${count(this.sensors.length)} sensors`;
    this.stale.textContent = `${count(stale.length)} stale`;
    this.stale.setAttribute('aria-pressed', this.onlyStale);
    this.stale.classList.toggle('warn', stale.length > 0);
    this.table.setAttribute('aria-rowcount', shown.length + 1);
    this.head.replaceChildren(h('div', { role: 'row', 'aria-rowindex': 1 }, cells.map(({ text, key, className }) => key === undefined
      ? h('div', { role: 'columnheader', class: className }, text)
      : sortHeader(text, key, this.sort, by => this.sortBy(by), className))));
    this.table.hidden = shown.length === 0;
    this.none.replaceChildren(...shown.length === 0 ? this.explain() : []);
    this.rows.show(shown);
  }

  /** Why there are no rows. */
  explain() {
    if (this.sensors.length > 0) {
      return [h('p', {}, this.onlyStale ? 'No sensor here is stale.' : 'No sensor has that in its id.')];
    }
    const reading = `{"sensor_id":"boiler-7","time":"${new Date(this.now()).toISOString()}","temperature":61.5}`;
    return [
      h('p', {}, 'No sensor has written yet. This writes a reading:'),
      h('pre', {}, `curl -H 'Content-Type: application/json' -d '${reading}' ${location.origin}/api/readings`),
      h('p', {}, h('a', { href: '/docs' }, 'The API'), ' has other ways, line protocol and MQTT among them.'),
    ];
  }

  orders() {
    const stale = new Set(this.sensors.filter(sensor => this.isStale(sensor)));
    const value = sensor => sensor.values[this.metricOf(sensor)] ?? -Infinity;
    return {
      id: byId,
      // Who is silent for longest comes first, then who is not.
      state: (a, b) => stale.has(b) - stale.has(a) || (stale.has(a) ? a.time - b.time : 0) || byId(a, b),
      time: (a, b) => b.time - a.time || byId(a, b),
      value: (a, b) => value(a) - value(b) || byId(a, b),
    };
  }

  sortBy(key) {
    this.change({ sort: { key, down: this.sort.key === key && !this.sort.down } });
    this.head.querySelector('[aria-sort] button')?.focus();
  }

  /** Takes a sensor into the comparison or out of it; false when there are as many as can be. */
  mark(sensor, isMarked) {
    if (isMarked && this.compared.size === MOST_COMPARED) {
      return false;
    }
    this.compared[isMarked ? 'add' : 'delete'](sensor.id);
    this.compare.hidden = this.compared.size === 0;
    this.compare.textContent = this.compared.size === 1 ? 'Open 1 sensor' : `Compare ${this.compared.size} sensors`;
    this.compare.href = this.compared.size === 1
      ? `#/sensor/${encodeURIComponent(sensor.id)}`
      : `#/compare?${[...this.compared].map(id => `sensor=${encodeURIComponent(id)}`).join('&')}`;
    return true;
  }

  remember() {
    const query = new URLSearchParams();
    const set = (name, value) => value && query.set(name, value === true ? '' : value);
    set('q', this.search);
    set('metric', this.metric);
    set('stale', this.onlyStale);
    set('sort', this.sort.key === 'state' ? '' : this.sort.key);
    set('down', this.sort.down);
    this.visit.remember(query);
  }

  /** Asks again while the page is in sight; ages count on every second. */
  follow() {
    const ages = setInterval(() => document.hidden || this.rows.refresh(), 1000);
    let poll;
    const again = () => {
      poll = setTimeout(async () => {
        if (!document.hidden) {
          await this.reload();
        }
        if (!this.visit.signal.aborted) {
          again();
        }
      }, Math.max(POLL, SHARE * this.took));
    };
    again();
    this.visit.signal.addEventListener('abort', () => {
      clearInterval(ages);
      clearTimeout(poll);
    });
  }
}

const byId = (a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
