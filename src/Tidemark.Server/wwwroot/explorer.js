// Charts of sensors over time, with all that moves them: presets, buttons, gestures, readings as they are committed. The views Sensor and
// Compare say which lines stand in which grid, and what else their addresses hold.

import { get } from './api.js';
import { Charts, loadCharts } from './charts.js';
import { h } from './dom.js';
import { dateTime, zoneName } from './format.js';
import { takeGestures } from './gestures.js';
import { Live } from './live.js';
import { Notes } from './notes.js';
import { endsOf, panned, part, presetOf, readRange, within, writeRange, zoomed } from './range.js';
import { ask, csvAddress, insert } from './series.js';
import { toolbar } from './toolbar.js';
import { Values } from './values.js';

// Late readings and buckets that were refreshed show after a while, where nothing else asks.
const POLL = 30_000;
// After a reading, buckets are asked for again at most this often, and for a tenth of the time.
const [SOONEST, SHARE] = [1000, 10];
const [FRAME, TICK] = [200, 1000];
const NOTHING = { lines: [], series: [], source: 'raw', bucket: 'raw', width: null };
const HELP = 'Drag to select, Shift and drag to move, Ctrl and wheel or pinch to zoom, double-click to zoom out. '
  + 'Keys: ← → move, + − zoom, End to now.';

export class Explorer {
  #asks = false;
  #again = false;
  #frame = 0;
  #answered = 0;
  #took = 0;
  #isFresh = false;
  #isStale = false;

  /**
   * @param view { title, sensors, metrics, grids(lines), write(query), take(sensor, time, values) }: sensors and metrics are asked for,
   * grids places their lines, write adds to the address what the view needs of it, take hears of readings as they are committed.
   */
  constructor(visit, view) {
    Object.assign(this, { visit, view, range: readRange(visit.query), answer: NOTHING });
    this.live = new Live({ signal: visit.signal, onReading: reading => this.#take(reading), onOpen: () => { this.#isStale = true; } });
  }

  /** Puts the charts into the page, below some elements of the view. */
  async open(root, above) {
    const { signal } = this.visit;
    const [echarts, health] = await Promise.all([loadCharts(), get('/api/health', {}, signal)]);
    signal.throwIfAborted();
    // Periods end at the server's now, not at that of who looks.
    this.ahead = Date.parse(health.timestamp) - Date.now();
    this.toolbar = toolbar(this, () => this.#keepPicture());
    this.toolbar.mark(this.range.period);
    root.replaceChildren(...above, this.toolbar.element, ...this.#stage());
    this.charts = new Charts(echarts, this.canvas, signal);
    takeGestures(this.stage, () => this.charts.plot(), this.selection, {
      zoom: (factor, share) => this.show(zoomed(this.ends(), factor, share)),
      pan: share => this.show(panned(this.ends(), share)),
      select: (from, to) => this.show(part(this.ends(), from, to)),
      toNow: () => this.showNow(),
    });
    await this.#ask();
    this.#follow();
  }

  now() {
    return Date.now() + this.ahead;
  }

  ends() {
    return endsOf(this.range, this.now());
  }

  show(ends) {
    this.#change(within(ends, this.now()));
  }

  showLast(period) {
    this.#change({ period });
  }

  /** Goes up to now, as far back as a preset that spans what is shown. */
  showNow() {
    this.showLast(presetOf(this.ends()));
  }

  /** Another range: at once with what is there, then with what belongs there. */
  #change(range) {
    performance.mark('tidemark-change');
    this.range = range;
    this.toolbar.mark(range.period);
    this.remember();
    this.#moveSoon();
    this.refresh();
  }

  remember() {
    const query = new URLSearchParams();
    this.view.write(query);
    writeRange(this.range, query);
    this.visit.remember(query);
  }

  /** Asks again; while an answer is awaited, once more after it. */
  refresh() {
    this.#again = true;
    if (!this.#asks) {
      this.#ask().catch(this.visit.fail);
    }
  }

  async #ask() {
    const { view, visit } = this;
    this.#asks = true;
    this.stage.setAttribute('aria-busy', 'true');
    try {
      do {
        this.#again = false;
        const begin = performance.now();
        this.answer = view.sensors.length === 0 ? NOTHING : await ask(this.#question(), this.charts.plot().width, visit.signal);
        this.live.watch(view.sensors);
        this.draw();
        this.#answered = performance.now();
        this.#took = this.#answered - begin;
      } while (this.#again);
      this.stage.setAttribute('aria-busy', 'false');
    } finally {
      this.#asks = false;
    }
  }

  #question() {
    return { sensors: this.view.sensors, metrics: this.view.metrics, ends: this.ends() };
  }

  /** Draws what was answered last, where it lies now. */
  draw() {
    const { answer, view } = this;
    const ends = this.ends();
    const grids = view.grids(answer.lines);
    const text = `${view.title}: ${grids.map(grid => grid.name).join(', ')}. The values are in a table below.`;
    this.charts.draw({ grids, ends, width: answer.width, text });
    this.empty.textContent = view.sensors.length === 0 ? 'No sensor yet: add one, or mark some in the fleet.' : 'No readings here.';
    this.empty.hidden = grids.some(grid => grid.lines.some(line => line.times.some(time => time >= ends.from && time <= ends.to)));
    this.notes.show(answer);
    this.values.show(grids, ends, answer.width);
    const { csv } = this.toolbar;
    csv.hidden = view.sensors.length === 0;
    csv.href = csvAddress(this.#question(), answer.bucket);
    csv.download = this.#fileName('csv');
    this.#measure();
  }

  /** How long the last change took until it was drawn, for who measures. */
  #measure() {
    if (performance.getEntriesByName('tidemark-change').length > 0) {
      performance.clearMeasures('tidemark-zoom');
      performance.measure('tidemark-zoom', 'tidemark-change');
      performance.clearMarks('tidemark-change');
    }
  }

  // Between answers only the axis moves, once a frame.
  #moveSoon() {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.visit.signal.aborted || this.charts.move(this.ends()));
  }

  /** A reading was committed: among readings it shows at once, of buckets the server knows more. */
  #take({ sensor_id: sensor, time, ...values }) {
    const at = Date.parse(time);
    this.view.take?.(sensor, at, values);
    // A clock may be a little ahead of another.
    const { from, to } = part(this.ends(), 0, 1.2);
    if (at < from || at > to) {
      return;
    }
    const lines = this.answer.lines.filter(line => line.sensor === sensor && typeof values[line.metric] === 'number');
    if (this.answer.width === null && lines.length > 0) {
      lines.forEach(line => insert(line, at, values[line.metric]));
      this.#isFresh = true;
    } else {
      this.#isStale = true;
    }
  }

  /** What ends now moves on, and what may have changed is asked for again. */
  #follow() {
    const frame = setInterval(() => {
      if (this.#isFresh && !document.hidden && !this.#asks) {
        this.#isFresh = false;
        this.draw();
      }
    }, FRAME);
    const tick = setInterval(() => {
      const age = performance.now() - this.#answered;
      if (document.hidden) {
        return;
      }
      if (age > POLL || (this.#isStale && age > Math.max(SOONEST, SHARE * this.#took))) {
        this.#isStale = false;
        this.refresh();
      } else if (this.range.period) {
        this.#moveSoon();
      }
    }, TICK);
    this.visit.signal.addEventListener('abort', () => [frame, tick].forEach(clearInterval));
  }

  #stage() {
    this.canvas = h('div', { class: 'canvas' });
    this.selection = h('div', { class: 'selection', hidden: true });
    this.empty = h('p', { class: 'empty quiet', hidden: true });
    this.stage = h('div', {
      class: 'stage', tabindex: 0, role: 'application', 'aria-label': 'Charts', 'aria-describedby': 'chart-help',
    }, this.canvas, this.selection, this.empty);
    this.notes = new Notes();
    this.values = new Values();
    return [this.stage, this.notes.element, h('p', { id: 'chart-help', class: 'quiet help' }, HELP), this.values.element];
  }

  #keepPicture() {
    if (this.#answered === 0) {
      return;
    }
    const { from, to } = this.ends();
    const title = `${this.view.title}, ${dateTime(from)} – ${dateTime(to)} ${zoneName()}`;
    h('a', { href: this.charts.picture(title), download: this.#fileName('png') }).click();
  }

  #fileName = type => `${this.view.title.replaceAll(/[^\p{L}\p{N}_.-]+/gu, '-').slice(0, 80)}.${type}`;
}
